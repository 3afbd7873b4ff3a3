/** Changes to topics, through the metadata log. */

import { type Random, randomUuid } from "../../platform/random.ts";
import type { createPartitions } from "../../protocol/apis/create-partitions.ts";
import type { createTopics } from "../../protocol/apis/create-topics.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { BrokerConfig } from "../options.ts";
import { type MutationQuota, unlimitedMutations } from "../quotas/mutation-quota.ts";
import type { MetadataImage, Topic } from "./image.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { topicGoneRecord, topicRecord } from "./records.ts";
import { type Refusal, refuse } from "./refusal.ts";
import {
  decideCreate,
  decideNewPartitions,
  MAX_NEW_PARTITIONS,
  partitionsAskedFor,
  type TopicOutcome,
  tooManyPartitions,
} from "./topic-decisions.ts";
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
  create(
    requests: readonly CreatableTopic[],
    validateOnly: boolean,
    quota: MutationQuota = unlimitedMutations,
  ): Promise<TopicOutcome[]> {
    const newId = (): string => Buffer.from(randomUuid(this.#random)).toString("base64url");
    const isTooMuch = partitionsAskedFor(requests, this.#config) > MAX_NEW_PARTITIONS;
    return this.#change(requests, validateOnly, (image, request) => {
      if (isTooMuch) return tooManyPartitions();
      const outcome = decideCreate(image, request, this.#config, newId);
      return outcome.ok && !quota.take(outcome.topic.partitionCount) ? throttled() : outcome;
    });
  }

  addPartitions(
    requests: readonly CreatablePartitions[],
    validateOnly: boolean,
    quota: MutationQuota = unlimitedMutations,
  ): Promise<TopicOutcome[]> {
    let left = MAX_NEW_PARTITIONS;
    return this.#change(requests, validateOnly, (image, request) => {
      const outcome = decideNewPartitions(image, request, this.#config);
      if (!outcome.ok) return outcome;
      const added = outcome.topic.partitionCount - (image.topic(request.name)?.partitionCount ?? 0);
      if (added > left) return tooManyPartitions();
      left -= added;
      return quota.take(added) ? outcome : throttled();
    });
  }

  /** Resolves when the topics' files are gone as well; their records stay until `forget`. */
  delete(
    find: readonly ((image: MetadataImage) => TopicOutcome)[],
    quota: MutationQuota = unlimitedMutations,
  ): Promise<TopicOutcome[]> {
    return this.#change(find, false, (image, topicOf) => {
      const found = topicOf(image);
      if (!found.ok) return found;
      const { name } = found.topic;
      if (isInternalTopic(name)) return refuse("INVALID_REQUEST", `The internal topic ${name} cannot be deleted.`);
      if (!quota.take(found.topic.partitionCount)) return throttled();
      return { ok: true, topic: { ...found.topic, isDeleted: true } };
    });
  }

  /** Drops the records of deleted topics whose files are gone. Those that the log does not take go with the next start. */
  async forget(topics: readonly Topic[]): Promise<void> {
    await this.#metadata.changeEach(topics, {
      validateOnly: false,
      decide: (_image, { id }) => ({ ok: true, id }) as const,
      recordOf: ({ id }) => topicGoneRecord(id),
    });
  }

  /** The topic; made with the broker's defaults when it is missing. */
  async ensure(name: string, quota: MutationQuota = unlimitedMutations): Promise<TopicOutcome> {
    const existing = this.#metadata.image.topic(name);
    if (existing) return { ok: true, topic: existing };
    const request = isInternalTopic(name) ? this.#internal(name) : automatic(name);
    const [outcome] = await this.create([request], false, quota);
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

  #change<R>(
    requests: readonly R[],
    validateOnly: boolean,
    decide: (image: MetadataImage, request: R) => TopicOutcome,
  ): Promise<TopicOutcome[]> {
    return this.#metadata.changeEach(requests, { validateOnly, decide, recordOf: ({ topic }) => topicRecord(topic) });
  }
}

function throttled(): Refusal {
  return refuse("THROTTLING_QUOTA_EXCEEDED", "The throttling quota has been exceeded.");
}

function automatic(name: string): CreatableTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
}
