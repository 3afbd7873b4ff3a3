/** What requests to change a topic's settings mean. Pure: each gives the topic as it will be, or why not. */
import type { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import { checkTopicConfigs, topicConfigDefinition } from "../configs/topic-configs.ts";
import type { MetadataImage, Topic } from "./image.ts";
import { type Refusal, refuse, type TopicOutcome } from "./topic-decisions.ts";

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
  if (new Set(changes.map(({ name }) => name)).size !== changes.length) {
    return refuse("INVALID_REQUEST", "Error due to duplicate config keys");
  }
  const configs = new Map<string, string | null>(topic.configs);
  for (const change of changes) {
    const problem = applyChange(configs, change, (name) => effective(name, topic));
    if (problem) return problem;
  }
  return withConfigs(topic, configs);
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

function applyChange(
  configs: Map<string, string | null>,
  { name, configOperation, value }: ConfigChange,
  effective: (name: string) => string,
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
  const definition = topicConfigDefinition(name);
  if (!definition) return refuse("INVALID_CONFIG", `Unknown topic config name: ${name}`);
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
