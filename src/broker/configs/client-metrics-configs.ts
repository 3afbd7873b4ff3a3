/** Which metrics the cluster's operators want of which clients (KIP-714). Kept and shown; nobody receives metrics here. */
import type { ConfigDefinition } from "./definition.ts";
import { configSources, type DescribedConfig, describeConfig } from "./describe.ts";

const MATCHED: readonly string[] = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
];

const definitions: readonly ConfigDefinition[] = [
  {
    name: "interval.ms",
    type: "int",
    defaultValue: "300000",
    min: 100,
    max: 3_600_000,
    documentation: "How often clients push their metrics.",
  },
  {
    name: "match",
    type: "list",
    defaultValue: "",
    documentation: "Which clients: a list of what=pattern; without it all.",
    problem: (value) =>
      value
        .split(",")
        .map(matchProblem)
        .find((problem) => problem !== undefined),
  },
  {
    name: "metrics",
    type: "list",
    defaultValue: "",
    documentation: "Prefixes of the metrics' names; * for all.",
  },
];

export function clientMetricsDefinition(name: string): ConfigDefinition | undefined {
  return definitions.find((definition) => definition.name === name);
}

export function describeClientMetricsConfigs(own: ReadonlyMap<string, string>): DescribedConfig[] {
  return definitions.map((definition) => {
    const { name, defaultValue } = definition;
    const value = own.get(name);
    const ownLayer = value === undefined ? [] : [{ name, value, source: configSources.clientMetrics }];
    return describeConfig(definition, [...ownLayer, { name, value: defaultValue, source: configSources.default }]);
  });
}

function matchProblem(text: string): string | undefined {
  if (text === "") return undefined;
  const [what = "", pattern, ...rest] = text.split("=").map((part) => part.trim());
  if (pattern === undefined || rest.length > 0) return `"${text}" is not of the form what=pattern`;
  if (!MATCHED.includes(what)) return `"${what}" is none of ${MATCHED.join(", ")}`;
  try {
    new RegExp(pattern);
    return undefined;
  } catch {
    return `"${pattern}" is no regular expression`;
  }
}
