/** What DescribeConfigs tells about settings: values, and where they come from. Pure. */
import type { describeConfigs } from "../../protocol/apis/describe-configs.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerConfig } from "../options.ts";
import { configTypeCodes } from "./definition.ts";
import { type TopicConfigDefinition, topicConfigDefinitions } from "./topic-configs.ts";

export type DescribedConfig = ResponseBody<typeof describeConfigs>["results"][number]["configs"][number];

/** As in DescribeConfigs responses. */
export const configSources = { topic: 1, brokerStart: 4, default: 5, group: 8 } as const;

interface Layer {
  readonly name: string;
  readonly value: string;
  readonly source: number;
}

export function describeTopicConfigs(own: ReadonlyMap<string, string>, broker: BrokerConfig): DescribedConfig[] {
  return topicConfigDefinitions.map((definition) => describeTopicConfig(definition, own, broker));
}

function describeTopicConfig(
  definition: TopicConfigDefinition,
  own: ReadonlyMap<string, string>,
  broker: BrokerConfig,
): DescribedConfig {
  const { name, defaultValue, type, documentation, brokerName = name } = definition;
  const ownValue = own.get(name);
  const brokerValue = broker.topicDefaults.get(name);
  // What counts comes first.
  const layers: Layer[] = [];
  if (ownValue !== undefined) layers.push({ name, value: ownValue, source: configSources.topic });
  if (brokerValue !== undefined)
    layers.push({ name: brokerName, value: brokerValue, source: configSources.brokerStart });
  layers.push({ name: brokerName, value: defaultValue, source: configSources.default });
  return {
    name,
    value: layers[0]?.value ?? defaultValue,
    readOnly: false,
    configSource: layers[0]?.source ?? configSources.default,
    isSensitive: false,
    synonyms: layers,
    configType: configTypeCodes[type],
    documentation,
  };
}
