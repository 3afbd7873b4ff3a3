/** The settings that a group of the consumer protocol (KIP-848) or a streams group (KIP-1071) can have of its own. Values
 * travel as strings, as in Kafka. */
import type { GroupSettings } from "../../coordinator/group/config.ts";
import type { BrokerConfig } from "../options.ts";
import type { ConfigDefinition } from "./definition.ts";

type Setting = keyof GroupSettings;

interface GroupConfigDefinition extends Omit<ConfigDefinition, "defaultValue"> {
  readonly setting: Setting;
  readonly min: number;
  readonly max: number;
  /** The broker-wide default, and what Kafka's brokers call the bounds that can be given there. */
  readonly brokerName: string;
  readonly minName?: string;
  readonly maxName?: string;
  readonly optionOf: (config: BrokerConfig) => number;
}

/** The bounds are Kafka's defaults for them. */
export const groupConfigDefinitions: readonly GroupConfigDefinition[] = [
  {
    ...bounded("consumer", "assignment.interval.ms", 0, 15_000),
    setting: "consumerAssignmentIntervalMs",
    optionOf: (config) => config.groupConsumerAssignmentIntervalMs,
    documentation: "How long an assignment is kept before the next one is made.",
  },
  {
    ...bounded("consumer", "heartbeat.interval.ms", 5_000, 15_000),
    setting: "consumerHeartbeatIntervalMs",
    optionOf: (config) => config.groupConsumerHeartbeatIntervalMs,
    documentation: "How often members send heartbeats.",
  },
  {
    ...bounded("consumer", "session.timeout.ms", 45_000, 60_000),
    setting: "consumerSessionTimeoutMs",
    optionOf: (config) => config.groupConsumerSessionTimeoutMs,
    documentation: "How long a member may be silent before it is taken for gone.",
  },
  {
    ...bounded("streams", "assignment.interval.ms", 0, 15_000),
    setting: "streamsAssignmentIntervalMs",
    optionOf: (config) => config.groupStreamsAssignmentIntervalMs,
    documentation: "How long an assignment is kept before the next one is made.",
  },
  {
    ...bounded("streams", "heartbeat.interval.ms", 5_000, 15_000),
    setting: "streamsHeartbeatIntervalMs",
    optionOf: (config) => config.groupStreamsHeartbeatIntervalMs,
    documentation: "How often members of a streams group send heartbeats.",
  },
  {
    name: "streams.initial.rebalance.delay.ms",
    type: "int",
    min: 0,
    max: 2 ** 31 - 1,
    brokerName: "group.streams.initial.rebalance.delay.ms",
    setting: "streamsInitialRebalanceDelayMs",
    optionOf: (config) => config.groupStreamsInitialRebalanceDelayMs,
    documentation: "How long the first member of an empty streams group waits for others.",
  },
  {
    name: "streams.num.standby.replicas",
    type: "int",
    min: 0,
    max: 2,
    brokerName: "group.streams.num.standby.replicas",
    maxName: "group.streams.max.standby.replicas",
    setting: "streamsNumStandbyReplicas",
    optionOf: (config) => config.groupStreamsNumStandbyReplicas,
    documentation: "How many copies of a task's state are kept beside the active one.",
  },
  {
    ...bounded("streams", "session.timeout.ms", 45_000, 60_000),
    setting: "streamsSessionTimeoutMs",
    optionOf: (config) => config.groupStreamsSessionTimeoutMs,
    documentation: "How long a member of a streams group may be silent before it is taken for gone.",
  },
];

function bounded(
  kind: "consumer" | "streams",
  what: string,
  min: number,
  max: number,
): Omit<GroupConfigDefinition, "setting" | "optionOf" | "documentation"> {
  return {
    name: `${kind}.${what}`,
    type: "int",
    min,
    max,
    brokerName: `group.${kind}.${what}`,
    minName: `group.${kind}.min.${what}`,
    maxName: `group.${kind}.max.${what}`,
  };
}

/** A default that lies beyond the bounds widens them. */
function boundsFor(
  { min, max, optionOf }: GroupConfigDefinition,
  config: BrokerConfig,
): { readonly min: number; readonly max: number } {
  const value = optionOf(config);
  return { min: Math.min(min, value), max: Math.max(max, value) };
}

function definitionFor(definition: GroupConfigDefinition, config: BrokerConfig): ConfigDefinition {
  return { ...definition, defaultValue: String(definition.optionOf(config)), ...boundsFor(definition, config) };
}

export function groupConfigDefinition(name: string, config: BrokerConfig): ConfigDefinition | undefined {
  const definition = groupConfigDefinitions.find((each) => each.name === name);
  return definition && definitionFor(definition, config);
}

/** A group's own settings, over those of all groups. */
export function groupSettings(own: ReadonlyMap<string, string>, config: BrokerConfig): GroupSettings {
  const settings = groupConfigDefinitions.map(({ name, setting, optionOf }) => {
    const value = own.get(name);
    return [setting, value === undefined ? optionOf(config) : Number(value)] as const;
  });
  return Object.fromEntries(settings) as Record<Setting, number>;
}

/** What the bounds are under the names that Kafka's brokers have for them. */
export const groupConfigBounds: readonly { readonly name: string; read(config: BrokerConfig): number }[] =
  groupConfigDefinitions.flatMap((definition) => {
    const { minName, maxName } = definition;
    const bound = (boundName: string | undefined, side: "min" | "max") =>
      boundName === undefined
        ? []
        : [{ name: boundName, read: (config: BrokerConfig) => boundsFor(definition, config)[side] }];
    return [...bound(minName, "min"), ...bound(maxName, "max")];
  });
