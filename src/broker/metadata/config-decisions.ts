/** What requests to change the settings of topics and groups mean. Pure: each gives them as they will be, or why not. */
import type { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { ConfigDefinition } from "../configs/definition.ts";
import { type CheckedGroupConfigs, checkGroupConfigs, groupConfigDefinition } from "../configs/group-configs.ts";
import { checkTopicConfigs, topicConfigDefinition } from "../configs/topic-configs.ts";
import type { BrokerConfig } from "../options.ts";
import type { MetadataImage, Topic } from "./image.ts";
import { type Refusal, refuse } from "./refusal.ts";
import type { TopicOutcome } from "./topic-decisions.ts";

type ConfigChange = RequestOf<typeof incrementalAlterConfigs>["resources"][number]["configs"][number];

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** IncrementalAlterConfigs: single settings. `effective` gives a setting's value where the topic has none of its own. */
export function decideConfigChanges(
  image: MetadataImage,
  topicName: string,
  changes: readonly ConfigChange[],
  effective: (name: string, topic: Topic) => string,
): TopicOutcome {
  const topic = image.topic(topicName);
  if (!topic) return unknownTopic(topicName);
  const configs = applyChanges(topic.configs, changes, {
    kind: "topic",
    definitionOf: topicConfigDefinition,
    effective: (name) => effective(name, topic),
  });
  return "error" in configs ? configs : withConfigs(topic, configs);
}

export type GroupConfigsOutcome = CheckedGroupConfigs;

/** The same for a group, which need not exist. */
export function decideGroupConfigChanges(
  image: MetadataImage,
  groupId: string,
  changes: readonly ConfigChange[],
  broker: BrokerConfig,
): GroupConfigsOutcome {
  if (groupId === "") return noDefaults();
  const configs = applyChanges(image.groupConfigs(groupId) ?? new Map(), changes, {
    kind: "group",
    definitionOf: (name) => groupConfigDefinition(name, broker),
    effective: () => "",
  });
  return "error" in configs ? configs : checkGroupConfigs(configs, broker);
}

export function decideGroupConfigs(
  groupId: string,
  configs: readonly { readonly name: string; readonly value: string | null }[],
  broker: BrokerConfig,
): GroupConfigsOutcome {
  if (groupId === "") return noDefaults();
  return checkGroupConfigs(
    configs.map(({ name, value }) => [name, value]),
    broker,
  );
}

function noDefaults(): Refusal {
  return refuse("INVALID_REQUEST", "Default group resources are not allowed.");
}

/** AlterConfigs: what is given replaces every setting that the topic had. */
export function decideConfigs(
  image: MetadataImage,
  topicName: string,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): TopicOutcome {
  const topic = image.topic(topicName);
  if (!topic) return unknownTopic(topicName);
  return withConfigs(topic, new Map(configs.map(({ name, value }) => [name, value])));
}

/** What the settings are of. */
interface Subject {
  readonly kind: "topic" | "group";
  definitionOf(name: string): ConfigDefinition | undefined;
  /** A setting's value where there is no own one. */
  effective(name: string): string;
}

function applyChanges(
  present: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  subject: Subject,
): Map<string, string | null> | Refusal {
  if (new Set(changes.map(({ name }) => name)).size !== changes.length) {
    return refuse("INVALID_REQUEST", "Error due to duplicate config keys");
  }
  const configs = new Map<string, string | null>(present);
  for (const change of changes) {
    const problem = applyChange(configs, change, subject);
    if (problem) return problem;
  }
  return configs;
}

function applyChange(
  configs: Map<string, string | null>,
  { name, configOperation, value }: ConfigChange,
  { kind, definitionOf, effective }: Subject,
): Refusal | undefined {
  if (configOperation === DELETE) {
    configs.delete(name);
    return undefined;
  }
  if (value === null) return refuse("INVALID_REQUEST", `Null value not supported for : ${name}`);
  if (configOperation === SET) {
    configs.set(name, value);
    return undefined;
  }
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    return refuse("INVALID_REQUEST", `Unknown operation ${configOperation} for ${name}`);
  }
  const definition = definitionOf(name);
  if (!definition) return refuse("INVALID_CONFIG", `Unknown ${kind} config name: ${name}`);
  if (definition.type !== "list") {
    const verb = configOperation === APPEND ? "APPEND to" : "SUBTRACT from";
    return refuse("INVALID_CONFIG", `Can't ${verb} key ${name} because its type is not LIST.`);
  }
  const present = elementsOf(effective(name));
  const given = elementsOf(value);
  const changed =
    configOperation === APPEND
      ? [...present, ...given.filter((element) => !present.includes(element))]
      : present.filter((element) => !given.includes(element));
  configs.set(name, changed.join(","));
  return undefined;
}

function withConfigs(topic: Topic, configs: ReadonlyMap<string, string | null>): TopicOutcome {
  const checked = checkTopicConfigs(configs);
  return checked.ok ? { ok: true, topic: { ...topic, configs: checked.configs } } : checked;
}

function elementsOf(list: string): string[] {
  return list.split(",").filter((element) => element !== "");
}

function unknownTopic(name: string): Refusal {
  return refuse("UNKNOWN_TOPIC_OR_PARTITION", `The topic '${name}' does not exist.`);
}
