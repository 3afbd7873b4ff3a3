/** What tests say to a broker, in raw frames: each call is one request, of a version that the test may choose. */
import { addOffsetsToTxn } from "../../src/protocol/apis/add-offsets-to-txn.ts";
import { addPartitionsToTxn } from "../../src/protocol/apis/add-partitions-to-txn.ts";
import { createTopics } from "../../src/protocol/apis/create-topics.ts";
import { deleteRecords } from "../../src/protocol/apis/delete-records.ts";
import { deleteTopics } from "../../src/protocol/apis/delete-topics.ts";
import { endTxn } from "../../src/protocol/apis/end-txn.ts";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { findCoordinator } from "../../src/protocol/apis/find-coordinator.ts";
import { initProducerId } from "../../src/protocol/apis/init-producer-id.ts";
import { listOffsets } from "../../src/protocol/apis/list-offsets.ts";
import { offsetCommit } from "../../src/protocol/apis/offset-commit.ts";
import { offsetFetch } from "../../src/protocol/apis/offset-fetch.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { txnOffsetCommit } from "../../src/protocol/apis/txn-offset-commit.ts";
import { ZERO_UUID } from "../../src/protocol/codec.ts";
import { type ErrorName, errorName } from "../../src/protocol/errors.ts";
import { batchesIn } from "../../src/protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../src/protocol/records/builder.ts";
import { readMarker } from "../../src/protocol/records/control.ts";
import { decodeRecords } from "../../src/protocol/records/record.ts";
import { RawClient } from "./raw-client.ts";

export interface RawTopic {
  readonly name: string;
  readonly id: string;
}

export interface RawProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface ProduceOptions {
  readonly partition?: number;
  readonly acks?: number;
  readonly version?: number;
  readonly producer?: RawProducer;
  /** Of the first value; with a producer only. Default 0. */
  readonly sequence?: number;
  readonly transactionalId?: string;
  readonly compression?: number;
  readonly timestamp?: number;
}

export interface FetchOptions {
  readonly partition?: number;
  readonly offset?: number;
  readonly version?: number;
  readonly isolation?: "read_uncommitted" | "read_committed";
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
}

export interface Fetched {
  readonly error: ErrorName;
  /** One for each record, in order: `offset:value`, of a marker `offset:commit` or `offset:abort`. */
  readonly records: readonly string[];
  /** Null unless read_committed was asked for. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[] | null;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
}

const PRODUCE_VERSION = 12;
const FETCH_VERSION = 16;
const INIT_VERSION = 5;
/** The first version with transactions v2 of each. */
const END_VERSION_2 = 5;
const OFFSETS_VERSION_2 = 5;
const CLASSIC_VERSION = 3;
const NEVER_MS = 60_000;

export class RawSession {
  readonly client: RawClient;

  private constructor(client: RawClient) {
    this.client = client;
  }

  static async open(address: string, clientId?: string): Promise<RawSession> {
    return new RawSession(await RawClient.connect(address, clientId));
  }

  close(): void {
    this.client.close();
  }

  /** Throws when the topic cannot be created. */
  async createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<RawTopic> {
    const { topics } = await this.client.send(createTopics, 7, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
        },
      ],
      validateOnly: false,
    });
    const [topic] = topics;
    if (topic?.errorCode !== 0) throw new Error(`${name}: ${topic?.errorMessage}`);
    return { name, id: topic.topicId };
  }

  async deleteTopic({ name }: RawTopic): Promise<ErrorName> {
    const { responses } = await this.client.send(deleteTopics, 6, {
      topics: [{ name, topicId: ZERO_UUID }],
      timeoutMs: NEVER_MS,
    });
    return errorName(responses[0]?.errorCode ?? -1);
  }

  /** All below `offset`; -1: all. */
  async deleteRecords(
    { name }: RawTopic,
    offset: number,
  ): Promise<{ readonly error: ErrorName; readonly lowWatermark: number }> {
    const { topics } = await this.client.send(deleteRecords, 2, {
      topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: NEVER_MS,
    });
    const answer = topics[0]?.partitions[0];
    return { error: errorName(answer?.errorCode ?? -1), lowWatermark: answer?.lowWatermark ?? -1 };
  }

  async produce(
    topic: RawTopic,
    values: readonly string[],
    options: ProduceOptions = {},
  ): Promise<{ readonly error: ErrorName; readonly baseOffset: number }> {
    const { version = PRODUCE_VERSION } = options;
    const { responses } = await this.client.send(produce, version, produceRequest(topic, values, options));
    const response = responses[0]?.partitionResponses[0];
    if (!response) throw new Error("no answer for the partition");
    return { error: errorName(response.errorCode), baseOffset: response.baseOffset };
  }

  /** With acks=0, which gets no answer. */
  produceSilently(topic: RawTopic, values: readonly string[], options: ProduceOptions = {}): void {
    const request = produceRequest(topic, values, { ...options, acks: 0 });
    this.client.sendSilent(produce, options.version ?? PRODUCE_VERSION, request);
  }

  async fetch(topic: RawTopic, options: FetchOptions = {}): Promise<Fetched> {
    const { version = FETCH_VERSION, isolation = "read_uncommitted", maxBytes = 2 ** 20 } = options;
    const { responses } = await this.client.send(fetch, version, {
      maxWaitMs: options.maxWaitMs ?? 0,
      minBytes: options.minBytes ?? 1,
      maxBytes,
      isolationLevel: isolation === "read_committed" ? 1 : 0,
      topics: [
        {
          topic: topic.name,
          topicId: topic.id,
          partitions: [
            { partition: options.partition ?? 0, fetchOffset: options.offset ?? 0, partitionMaxBytes: maxBytes },
          ],
        },
      ],
    });
    const response = responses[0]?.partitions[0];
    if (!response) throw new Error("no answer for the partition");
    const { highWatermark, lastStableOffset, logStartOffset } = response;
    return {
      error: errorName(response.errorCode),
      records: describeRecords(response.records ?? new Uint8Array(0)),
      aborted:
        response.abortedTransactions?.map(({ producerId, firstOffset }) => ({ producerId, firstOffset })) ?? null,
      highWatermark,
      lastStableOffset,
      logStartOffset,
    };
  }

  /** The values from the start of a partition on, without markers and aborted records: what an application reads. */
  async readCommitted(topic: RawTopic, partition = 0): Promise<string[]> {
    const { records, aborted, error } = await this.fetch(topic, { partition, isolation: "read_committed" });
    if (error !== "NONE" || aborted?.length) throw new Error(`${error}, ${aborted?.length} aborted`);
    return records.map((record) => record.slice(record.indexOf(":") + 1)).filter((text) => text !== "commit");
  }

  async endOffset(topic: RawTopic, isolation: "read_uncommitted" | "read_committed", partition = 0): Promise<number> {
    return (await this.listOffset(topic, -1, { isolation, partition })).offset;
  }

  async listOffset(
    topic: RawTopic,
    timestamp: number,
    options: {
      readonly partition?: number;
      readonly isolation?: "read_uncommitted" | "read_committed";
      readonly version?: number;
    } = {},
  ): Promise<{ readonly error: ErrorName; readonly offset: number; readonly timestamp: number }> {
    const { topics } = await this.client.send(listOffsets, options.version ?? 7, {
      replicaId: -1,
      isolationLevel: options.isolation === "read_committed" ? 1 : 0,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: options.partition ?? 0, timestamp }] }],
    });
    const answer = topics[0]?.partitions[0];
    if (!answer) throw new Error("no answer for the partition");
    return { error: errorName(answer.errorCode), offset: answer.offset, timestamp: answer.timestamp };
  }

  /** Makes sure that there is a coordinator of transactions, or of groups. */
  async findCoordinator(kind: "group" | "transaction", key: string): Promise<ErrorName> {
    const keyType = kind === "group" ? 0 : 1;
    const { coordinators } = await this.client.send(findCoordinator, 4, { keyType, coordinatorKeys: [key] });
    return errorName(coordinators[0]?.errorCode ?? -1);
  }

  async initProducer(
    transactionalId: string | null,
    options: { readonly timeoutMs?: number; readonly version?: number; readonly as?: RawProducer } = {},
  ): Promise<RawProducer & { readonly error: ErrorName }> {
    const { errorCode, producerId, producerEpoch } = await this.client.send(
      initProducerId,
      options.version ?? INIT_VERSION,
      { transactionalId, transactionTimeoutMs: options.timeoutMs ?? NEVER_MS, ...options.as },
    );
    return { error: errorName(errorCode), producerId, producerEpoch };
  }

  /** For a transactional id that nobody has used; throws when it cannot be had. */
  async newTransactional(transactionalId: string, timeoutMs?: number): Promise<RawProducer> {
    await this.findCoordinator("transaction", transactionalId);
    const { error, ...producer } = await this.initProducer(transactionalId, timeoutMs ? { timeoutMs } : {});
    if (error !== "NONE") throw new Error(`${transactionalId}: ${error}`);
    return producer;
  }

  /** The classic protocol's way to open a transaction somewhere. */
  async addPartitions(
    transactionalId: string,
    { producerId, producerEpoch }: RawProducer,
    topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  ): Promise<ErrorName[]> {
    const response = await this.client.send(addPartitionsToTxn, CLASSIC_VERSION, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    });
    return response.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => errorName(partitionErrorCode)),
    );
  }

  /** As of transactions v2, unless a version says otherwise. The producer is who goes on afterwards. */
  async endTransaction(
    transactionalId: string,
    producer: RawProducer,
    type: "commit" | "abort",
    version: number = END_VERSION_2,
  ): Promise<RawProducer & { readonly error: ErrorName }> {
    const { errorCode, producerId, producerEpoch } = await this.client.send(endTxn, version, {
      transactionalId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      committed: type === "commit",
    });
    return { error: errorName(errorCode), producerId, producerEpoch };
  }

  async addOffsets(transactionalId: string, producer: RawProducer, groupId: string): Promise<ErrorName> {
    const { errorCode } = await this.client.send(addOffsetsToTxn, CLASSIC_VERSION, {
      transactionalId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      groupId,
    });
    return errorName(errorCode);
  }

  async commitOffsetInTransaction(
    transactionalId: string,
    producer: RawProducer,
    groupId: string,
    topic: RawTopic,
    committedOffset: number,
    options: { readonly version?: number; readonly memberId?: string; readonly generationId?: number } = {},
  ): Promise<ErrorName> {
    const { version = OFFSETS_VERSION_2, memberId = "", generationId = -1 } = options;
    const { topics } = await this.client.send(txnOffsetCommit, version, {
      transactionalId,
      groupId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      memberId,
      generationId,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] }],
    });
    return errorName(topics[0]?.partitions[0]?.errorCode ?? -1);
  }

  async commitOffset(
    groupId: string,
    topic: RawTopic,
    committedOffset: number,
    member: { readonly memberId: string; readonly generationId: number } = { memberId: "", generationId: -1 },
  ): Promise<ErrorName> {
    const { topics } = await this.client.send(offsetCommit, 8, {
      groupId,
      memberId: member.memberId,
      generationIdOrMemberEpoch: member.generationId,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }] }],
    });
    return errorName(topics[0]?.partitions[0]?.errorCode ?? -1);
  }

  /** The offset, or the error in its place. -1: none was committed. */
  async committedOffset(groupId: string, topic: RawTopic, requireStable = true): Promise<number | ErrorName> {
    const { groups } = await this.client.send(offsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic.name, partitionIndexes: [0] }] }],
      requireStable,
    });
    const [group] = groups;
    const found = group?.topics[0]?.partitions[0];
    const errorCode = group?.errorCode || found?.errorCode || 0;
    return errorCode === 0 && found ? found.committedOffset : errorName(errorCode);
  }
}

function produceRequest(topic: RawTopic, values: readonly string[], options: ProduceOptions) {
  const records = batchOf(values, options);
  return {
    transactionalId: options.transactionalId ?? null,
    acks: options.acks ?? -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic.name, topicId: topic.id, partitionData: [{ index: options.partition ?? 0, records }] }],
  };
}

/** One batch of records without keys. */
export function batchOf(values: readonly string[], options: ProduceOptions = {}): Buffer {
  const { producer, timestamp = Date.now() } = options;
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(timestamp, null, Buffer.from(value));
  return Buffer.from(
    builder.build({
      ...(producer ? { ...producer, baseSequence: options.sequence ?? 0 } : {}),
      isTransactional: options.transactionalId !== undefined,
      compression: options.compression ?? 0,
    }),
  );
}

export function describeRecords(bytes: Uint8Array): string[] {
  return [...batchesIn(bytes)].flatMap((batch) => {
    if (batch.isControl) return [`${batch.baseOffset}:${readMarker(batch)?.type}`];
    return decodeRecords(batch).map(({ offset, value }) => `${offset}:${Buffer.from(value ?? "")}`);
  });
}
