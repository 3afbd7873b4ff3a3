/** What DescribeConfigs tells about settings: values, and where they come from. Pure. */
import type { describeConfigs } from "../../protocol/apis/describe-configs.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { Endpoint } from "../listeners.ts";
import { type BrokerConfig, defaultConfig } from "../options.ts";
import { brokerSettings } from "./broker-configs.ts";
import { type ConfigDefinition, configTypeCodes } from "./definition.ts";
import { dynamicBrokerDefinition } from "./dynamic-configs.ts";
import { groupConfigDefinitions } from "./group-configs.ts";
import { type TopicConfigDefinition, topicConfigDefinitions } from "./topic-configs.ts";

export type DescribedConfig = ResponseBody<typeof describeConfigs>["results"][number]["configs"][number];

/** As in DescribeConfigs responses. */
export const configSources = {
  topic: 1,
  broker: 2,
  allBrokers: 3,
  brokerStart: 4,
  default: 5,
  clientMetrics: 7,
  group: 8,
} as const;

/** A value, and where it comes from. */
export interface ConfigLayer {
  readonly name: string;
  readonly value: string;
  readonly source: number;
}

/** Where the broker's settings come from: what was set for it, for all brokers, and at its start. */
export interface BrokerLayers {
  readonly own: ReadonlyMap<string, string>;
  readonly ofAll: ReadonlyMap<string, string>;
  readonly start: BrokerConfig;
}

/** `layers`: what counts comes first. */
export function describeConfig(
  { name, type, documentation }: Pick<ConfigDefinition, "name" | "type" | "documentation">,
  layers: readonly ConfigLayer[],
  readOnly = false,
): DescribedConfig {
  const [first] = layers;
  return {
    name,
    value: first?.value ?? null,
    readOnly,
    configSource: first?.source ?? configSources.default,
    isSensitive: false,
    synonyms: layers,
    configType: configTypeCodes[type],
    documentation,
  };
}

export function describeTopicConfigs(own: ReadonlyMap<string, string>, broker: BrokerLayers): DescribedConfig[] {
  return topicConfigDefinitions.map((definition) => {
    const { name } = definition;
    const layers = topicDefaultLayers(definition, broker);
    return describeConfig(definition, [...layer(name, own.get(name), configSources.topic), ...layers]);
  });
}

/** All settings of the broker, those that topics inherit among them. */
export function describeBrokerConfigs(broker: BrokerLayers, endpoints: readonly Endpoint[]): DescribedConfig[] {
  const inherited = topicConfigDefinitions.flatMap((definition) => {
    const { brokerName } = definition;
    if (brokerName === undefined) return [];
    return [describeConfig({ ...definition, name: brokerName }, topicDefaultLayers(definition, broker))];
  });
  const own = brokerSettings.map((setting) => {
    const { name, apply } = setting;
    const value = setting.read(broker.start, endpoints);
    const isDefault = value === setting.read(defaultConfig, []);
    const source = isDefault ? configSources.default : configSources.brokerStart;
    return describeConfig(setting, [...dynamicLayers(name, broker), { name, value, source }], !apply);
  });
  return [...inherited, ...own].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What was set for all brokers, and nothing else. */
export function describeAllBrokersConfigs({ ofAll }: BrokerLayers): DescribedConfig[] {
  return [...ofAll].flatMap(([name, value]) => {
    const definition = dynamicBrokerDefinition(name);
    return definition ? [describeConfig(definition, layer(name, value, configSources.allBrokers))] : [];
  });
}

export function describeGroupConfigs(own: ReadonlyMap<string, string>, config: BrokerConfig): DescribedConfig[] {
  return groupConfigDefinitions.map((definition) => {
    const { name, brokerName } = definition;
    const ownValue = own.get(name);
    const ownLayer = ownValue === undefined ? [] : [{ name, value: ownValue, source: configSources.group }];
    const inherited = {
      name: brokerName,
      value: String(definition.optionOf(config)),
      source: configSources.brokerStart,
    };
    return describeConfig(definition, [...ownLayer, inherited]);
  });
}

function topicDefaultLayers(
  { name, defaultValue, brokerName = name }: TopicConfigDefinition,
  broker: BrokerLayers,
): ConfigLayer[] {
  return [
    ...dynamicLayers(brokerName, broker),
    ...layer(brokerName, broker.start.topicDefaults.get(name), configSources.brokerStart),
    { name: brokerName, value: defaultValue, source: configSources.default },
  ];
}

function dynamicLayers(name: string, { own, ofAll }: BrokerLayers): ConfigLayer[] {
  return [
    ...layer(name, own.get(name), configSources.broker),
    ...layer(name, ofAll.get(name), configSources.allBrokers),
  ];
}

function layer(name: string, value: string | undefined, source: number): ConfigLayer[] {
  return value === undefined ? [] : [{ name, value, source }];
}
