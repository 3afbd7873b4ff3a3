/** Changes to topics, through the metadata log. */

import { type Random, randomUuid } from "../../platform/random.ts";
import type { createPartitions } from "../../protocol/apis/create-partitions.ts";
import type { createTopics } from "../../protocol/apis/create-topics.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { BrokerConfig } from "../options.ts";
import type { MetadataImage, Topic } from "./image.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { topicGoneRecord, topicRecord } from "./records.ts";
import { decideCreate, decideNewPartitions, refuse, type TopicOutcome } from "./topic-decisions.ts";
import { isInternalTopic, OFFSETS_TOPIC } from "./topic-name.ts";

type CreatableTopic = RequestOf<typeof createTopics>["topics"][number];
type CreatablePartitions = RequestOf<typeof createPartitions>["topics"][number];

export class Topics {
  readonly #metadata: MetadataLog;
  readonly #config: BrokerConfig;
  readonly #random: Random;

  constructor(metadata: MetadataLog, config: BrokerConfig, random: Random) {
    this.#metadata = metadata;
    this.#config = config;
    this.#random = random;
  }

  /** Outcomes in the order of `requests`. Each topic stands for itself. */
  create(requests: readonly CreatableTopic[], validateOnly: boolean): Promise<TopicOutcome[]> {
    return this.#change(requests, validateOnly, (image, request) =>
      decideCreate(image, request, this.#config, () => Buffer.from(randomUuid(this.#random)).toString("base64url")),
    );
  }

  addPartitions(requests: readonly CreatablePartitions[], validateOnly: boolean): Promise<TopicOutcome[]> {
    return this.#change(requests, validateOnly, (image, request) => decideNewPartitions(image, request, this.#config));
  }

  /** Makes each topic what `decide` says it should be. */
  alter(
    decisions: readonly ((image: MetadataImage) => TopicOutcome)[],
    validateOnly: boolean,
  ): Promise<TopicOutcome[]> {
    return this.#change(decisions, validateOnly, (image, decide) => decide(image));
  }

  /** Resolves when the topics' files are gone as well. */
  async delete(find: readonly ((image: MetadataImage) => TopicOutcome)[]): Promise<TopicOutcome[]> {
    const outcomes = await this.#change(find, false, (image, topicOf) => {
      const found = topicOf(image);
      if (!found.ok) return found;
      const { name } = found.topic;
      if (isInternalTopic(name)) return refuse("INVALID_REQUEST", `The internal topic ${name} cannot be deleted.`);
      return { ok: true, topic: { ...found.topic, isDeleted: true } };
    });
    await this.forget(outcomes.flatMap((outcome) => (outcome.ok ? [outcome.topic] : [])));
    return outcomes;
  }

  /** Drops the records of deleted topics whose files are gone. */
  async forget(topics: readonly Topic[]): Promise<void> {
    await this.#metadata.change(() => ({ records: topics.map(({ id }) => topicGoneRecord(id)), result: undefined }));
  }

  /** The topic; made with the broker's defaults when it is missing. */
  async ensure(name: string): Promise<TopicOutcome> {
    const existing = this.#metadata.image.topic(name);
    if (existing) return { ok: true, topic: existing };
    const [outcome] = await this.create([isInternalTopic(name) ? this.#internal(name) : automatic(name)], false);
    const created = this.#metadata.image.topic(name);
    if (created) return { ok: true, topic: created };
    return outcome ?? refuse("UNKNOWN_TOPIC_OR_PARTITION", `Topic '${name}' could not be created.`);
  }

  #internal(name: string): CreatableTopic {
    const { offsetsTopicPartitions, transactionTopicPartitions } = this.#config;
    return {
      ...automatic(name),
      numPartitions: name === OFFSETS_TOPIC ? offsetsTopicPartitions : transactionTopicPartitions,
      configs: [
        { name: "cleanup.policy", value: "compact" },
        // Small segments, so that compaction gets at most of the log.
        { name: "segment.bytes", value: String(100 * 1024 * 1024) },
      ],
    };
  }

  async #change<R>(
    requests: readonly R[],
    validateOnly: boolean,
    decide: (image: MetadataImage, request: R) => TopicOutcome,
  ): Promise<TopicOutcome[]> {
    try {
      return await this.#metadata.change((image) => {
        const result = requests.map((request) => decide(image, request));
        const records = result.flatMap((outcome) => (outcome.ok ? [topicRecord(outcome.topic)] : []));
        return { records: validateOnly ? [] : records, result };
      });
    } catch (error) {
      // The log has said why.
      if (!this.#metadata.isOffline) throw error;
      return requests.map(() => refuse("KAFKA_STORAGE_ERROR", "The metadata log of the broker is offline."));
    }
  }
}

function automatic(name: string): CreatableTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
}
