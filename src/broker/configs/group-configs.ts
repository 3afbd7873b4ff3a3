/** The settings that a group of the consumer protocol (KIP-848) or a streams group (KIP-1071) can have of its own. Values
 * travel as strings, as in Kafka. */
import type { GroupSettings } from "../../coordinator/group/config.ts";
import { defined } from "../../platform/assert.ts";
import type { BrokerConfig } from "../options.ts";
import type { ConfigDefinition } from "./definition.ts";
import { configSources, type DescribedConfig, describeConfig } from "./describe.ts";

type Setting = keyof GroupSettings;

interface GroupConfigDefinition extends Omit<ConfigDefinition, "defaultValue"> {
  readonly setting: Setting;
  readonly min: number;
  readonly max: number;
  /** The broker-wide default. */
  readonly brokerName: string;
  readonly optionOf: (config: BrokerConfig) => number;
}

/** The bounds are Kafka's defaults for them. */
const definitions: readonly GroupConfigDefinition[] = [
  {
    name: "consumer.heartbeat.interval.ms",
    setting: "consumerHeartbeatIntervalMs",
    type: "int",
    min: 5_000,
    max: 15_000,
    brokerName: "group.consumer.heartbeat.interval.ms",
    optionOf: (config) => config.groupConsumerHeartbeatIntervalMs,
    documentation: "How often members send heartbeats.",
  },
  {
    name: "consumer.session.timeout.ms",
    setting: "consumerSessionTimeoutMs",
    type: "int",
    min: 45_000,
    max: 60_000,
    brokerName: "group.consumer.session.timeout.ms",
    optionOf: (config) => config.groupConsumerSessionTimeoutMs,
    documentation: "How long a member may be silent before it is taken for gone.",
  },
  {
    name: "streams.heartbeat.interval.ms",
    setting: "streamsHeartbeatIntervalMs",
    type: "int",
    min: 5_000,
    max: 15_000,
    brokerName: "group.streams.heartbeat.interval.ms",
    optionOf: (config) => config.groupStreamsHeartbeatIntervalMs,
    documentation: "How often members of a streams group send heartbeats.",
  },
  {
    name: "streams.initial.rebalance.delay.ms",
    setting: "streamsInitialRebalanceDelayMs",
    type: "int",
    min: 0,
    max: 2 ** 31 - 1,
    brokerName: "group.streams.initial.rebalance.delay.ms",
    optionOf: (config) => config.groupStreamsInitialRebalanceDelayMs,
    documentation: "How long the first member of an empty streams group waits for others.",
  },
  {
    name: "streams.num.standby.replicas",
    setting: "streamsNumStandbyReplicas",
    type: "int",
    min: 0,
    max: 2,
    brokerName: "group.streams.num.standby.replicas",
    optionOf: (config) => config.groupStreamsNumStandbyReplicas,
    documentation: "How many copies of a task's state are kept beside the active one.",
  },
  {
    name: "streams.session.timeout.ms",
    setting: "streamsSessionTimeoutMs",
    type: "int",
    min: 45_000,
    max: 60_000,
    brokerName: "group.streams.session.timeout.ms",
    optionOf: (config) => config.groupStreamsSessionTimeoutMs,
    documentation: "How long a member of a streams group may be silent before it is taken for gone.",
  },
];

/** As ConfigDefinition; a default that lies beyond the bounds widens them. */
function definitionFor(definition: GroupConfigDefinition, config: BrokerConfig): ConfigDefinition {
  const value = definition.optionOf(config);
  const { min, max } = definition;
  return { ...definition, defaultValue: String(value), min: Math.min(min, value), max: Math.max(max, value) };
}

export function groupConfigDefinition(name: string, config: BrokerConfig): ConfigDefinition | undefined {
  const definition = definitions.find((each) => each.name === name);
  return definition && definitionFor(definition, config);
}

export function groupSettings(own: ReadonlyMap<string, string>): Partial<GroupSettings> {
  const settings: { [S in Setting]?: number } = {};
  for (const [name, value] of own) {
    const definition = defined(definitions.find((each) => each.name === name));
    settings[definition.setting] = Number(value);
  }
  return settings;
}

export function describeGroupConfigs(own: ReadonlyMap<string, string>, config: BrokerConfig): DescribedConfig[] {
  return definitions.map((definition) => {
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
