/** One Produce request and its answer, between batches and the wire's messages. Pure. */
import { produce } from "../../protocol/apis/produce.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import type { MetadataCache } from "../network/metadata-cache.ts";
import type { ProducerBatch } from "./batch.ts";
import type { PartitionQueue } from "./partition-queue.ts";

/** The first version that names topics by id only. */
const FIRST_VERSION_BY_ID = 13;

/** What the broker said about one batch. */
export interface BatchAnswer {
  readonly error: ErrorName;
  readonly message: string | null;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  /** Which records are to blame, and why, where the broker tells (KIP-467). */
  readonly recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string | null }[];
  /** The broker's idea of who leads the partition; -1 when it has none (KIP-951). */
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface ProduceSettings {
  readonly acks: "all" | 1 | 0;
  readonly timeoutMs: number;
  readonly transactionalId: string | null;
}

/** The highest version that can say which topics are meant: those whose ids are not known go by name. */
export function maxVersionFor(batches: readonly ProducerBatch[], metadata: MetadataCache): number {
  const hasIds = batches.every(({ queue }) => topicIdOf(queue, metadata) !== ZERO_UUID);
  return hasIds ? produce.versions[1] : FIRST_VERSION_BY_ID - 1;
}

/** ZERO_UUID when it is not known. */
export function topicIdOf({ topic }: PartitionQueue, metadata: MetadataCache): string {
  return metadata.topic(topic)?.topicId ?? ZERO_UUID;
}

interface TopicProduceData {
  readonly name: string;
  readonly topicId: string;
  readonly partitionData: { index: number; records: Uint8Array }[];
}

export interface ProduceBody {
  readonly transactionalId: string | null;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topicData: readonly TopicProduceData[];
}

/** One request with one batch of each partition. `encode` gives a batch's bytes. */
export function toRequest(
  batches: readonly ProducerBatch[],
  metadata: MetadataCache,
  settings: ProduceSettings,
  encode: (batch: ProducerBatch) => Uint8Array,
): ProduceBody {
  const topics = new Map<string, TopicProduceData>();
  for (const batch of batches) {
    const name = batch.queue.topic;
    let topic = topics.get(name);
    if (!topic) {
      topic = { name, topicId: topicIdOf(batch.queue, metadata), partitionData: [] };
      topics.set(name, topic);
    }
    topic.partitionData.push({ index: batch.queue.partition, records: encode(batch) });
  }
  const { transactionalId, timeoutMs } = settings;
  return {
    transactionalId,
    acks: settings.acks === "all" ? -1 : settings.acks,
    timeoutMs,
    topicData: [...topics.values()],
  };
}

/** What the answer says about each batch; undefined for one that it does not mention. */
export function fromResponse(
  response: ResponseOf<typeof produce>,
  request: ProduceBody,
  batches: readonly ProducerBatch[],
): (BatchAnswer | undefined)[] {
  const names = new Map(request.topicData.map((topic) => [topic.topicId, topic.name]));
  const answers = new Map<string, BatchAnswer>();
  for (const topic of response.responses) {
    const name = topic.topicId === ZERO_UUID ? topic.name : names.get(topic.topicId);
    for (const partition of topic.partitionResponses) {
      answers.set(`${name}/${partition.index}`, {
        error: errorName(partition.errorCode),
        message: partition.errorMessage,
        baseOffset: partition.baseOffset,
        logAppendTimeMs: partition.logAppendTimeMs,
        recordErrors: partition.recordErrors,
        leaderId: partition.currentLeader.leaderId,
        leaderEpoch: partition.currentLeader.leaderEpoch,
      });
    }
  }
  return batches.map(({ queue }) => answers.get(`${queue.topic}/${queue.partition}`));
}
