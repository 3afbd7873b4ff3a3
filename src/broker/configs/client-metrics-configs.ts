/** Which metrics the cluster's operators want of which clients (KIP-714). Told to those who ask; nobody receives metrics here. */
import type { ConfigDefinition } from "./definition.ts";
import { configSources, type DescribedConfig, describeConfig } from "./describe.ts";

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
  },
  {
    name: "metrics",
    type: "list",
    defaultValue: "",
    documentation: "Prefixes of the metrics' names; * for all.",
    problem: (value) => (value !== "" && value.split(",").includes("") ? "its elements must not be empty" : undefined),
  },
];

/** With what it takes to check patterns, which is loaded with the first settings of this kind. */
export async function loadClientMetricsDefinitions(): Promise<(name: string) => ConfigDefinition | undefined> {
  const { matchProblem: problem } = await import("../telemetry/client-match.ts");
  const checked = definitions.map((definition) =>
    definition.name === "match" ? { ...definition, problem } : definition,
  );
  return (name) => checked.find((definition) => definition.name === name);
}

export function describeClientMetricsConfigs(own: ReadonlyMap<string, string>): DescribedConfig[] {
  return definitions.map((definition) => {
    const { name, defaultValue } = definition;
    const value = own.get(name);
    const ownLayer = value === undefined ? [] : [{ name, value, source: configSources.clientMetrics }];
    return describeConfig(definition, [...ownLayer, { name, value: defaultValue, source: configSources.default }]);
  });
}
