/** The broker's settings as they are now: those of its start, over them what was set for all brokers while it ran, over that
 * what was set for it alone. */
import { type BrokerConfig, defaultConfig } from "../options.ts";
import { brokerSettings } from "./broker-configs.ts";
import type { ConfigDefinition } from "./definition.ts";
import { topicConfigDefinition, topicConfigDefinitions, topicConfigsConflict } from "./topic-configs.ts";

type Configs = ReadonlyMap<string, string>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Of the settings that can change while the broker runs; those of topics have another name there than as its defaults. */
const definitions: ReadonlyMap<string, ConfigDefinition> = new Map([
  ...topicConfigDefinitions.flatMap((definition) => {
    const { brokerName } = definition;
    return brokerName === undefined ? [] : [[brokerName, { ...definition, name: brokerName }] as const];
  }),
  ...brokerSettings
    .filter(({ apply }) => apply !== undefined)
    .map((setting) => [setting.name, { ...setting, defaultValue: setting.read(defaultConfig, []) }] as const),
]);

export function dynamicBrokerDefinition(name: string): ConfigDefinition | undefined {
  return definitions.get(name);
}

/** Whether there is such a setting, but given at the start for good. */
export function isFixedBrokerSetting(name: string): boolean {
  return brokerSettings.some((setting) => setting.name === name && !setting.apply);
}

/** What a setting was at the start. */
export function startValueOf(name: string, start: BrokerConfig): string {
  const topicDefinition = topicConfigDefinitions.find(({ brokerName }) => brokerName === name);
  if (topicDefinition) return start.topicDefaults.get(topicDefinition.name) ?? topicDefinition.defaultValue;
  return brokerSettings.find((setting) => setting.name === name)?.read(start, []) ?? "";
}

/** Why defaults of topics do not go together; `effective`: by the broker's name for them. */
export function brokerConfigsConflict(effective: (name: string) => string): string | undefined {
  return topicConfigsConflict((name) => effective(topicConfigDefinition(name)?.brokerName ?? name));
}

export class DynamicConfigs {
  /** As given at the start. */
  readonly start: BrokerConfig;
  /** Changes in place: whoever holds it sees each change. */
  readonly now: BrokerConfig;
  readonly #now: Mutable<BrokerConfig>;

  constructor(start: BrokerConfig) {
    this.start = start;
    this.#now = { ...start };
    this.now = this.#now;
  }

  /** `ofAll`: for every broker; `own`: for this one. */
  update(ofAll: Configs, own: Configs): void {
    const set = new Map([...ofAll, ...own]);
    Object.assign(this.#now, this.start);
    for (const { name, apply } of brokerSettings) {
      const value = set.get(name);
      if (value !== undefined) apply?.(this.#now, value);
    }
    const topicDefaults = new Map(this.start.topicDefaults);
    for (const { name, brokerName } of topicConfigDefinitions) {
      const value = brokerName === undefined ? undefined : set.get(brokerName);
      if (value !== undefined) topicDefaults.set(name, value);
    }
    this.#now.topicDefaults = topicDefaults;
  }
}
