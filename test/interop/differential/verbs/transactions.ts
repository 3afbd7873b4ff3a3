/** The requests of producers and operators of transactions, as steps. */
import { addOffsetsToTxn } from "../../../../src/protocol/apis/add-offsets-to-txn.ts";
import { addPartitionsToTxn } from "../../../../src/protocol/apis/add-partitions-to-txn.ts";
import { describeProducers } from "../../../../src/protocol/apis/describe-producers.ts";
import { describeTransactions } from "../../../../src/protocol/apis/describe-transactions.ts";
import { endTxn } from "../../../../src/protocol/apis/end-txn.ts";
import { findCoordinator } from "../../../../src/protocol/apis/find-coordinator.ts";
import { initProducerId } from "../../../../src/protocol/apis/init-producer-id.ts";
import { listTransactions } from "../../../../src/protocol/apis/list-transactions.ts";
import { produce } from "../../../../src/protocol/apis/produce.ts";
import { txnOffsetCommit } from "../../../../src/protocol/apis/txn-offset-commit.ts";
import { writeTxnMarkers } from "../../../../src/protocol/apis/write-txn-markers.ts";
import { CRC_AT, RecordBatch } from "../../../../src/protocol/records/batch.ts";
import type { RequestBody } from "../../../../src/protocol/schema.ts";
import { batchOf, type RawProducer, type RawTopic } from "../../../support/raw-session.ts";
import type { AskOptions, Side } from "../side.ts";

const TIMEOUT_MS = 60_000;

export type PartitionsOf = readonly (readonly [topic: RawTopic | string, partition: number])[];

/** Makes the coordinator of a kind be there; its internal topic may have to be created first. */
export async function find(side: Side, kind: "group" | "transaction", key: string): Promise<void> {
  await side.ask(
    findCoordinator,
    4,
    { keyType: kind === "group" ? 0 : 1, coordinatorKeys: [side.unique(key)] },
    {},
    ({ coordinators }) => coordinators.map(({ errorCode }) => ({ errorCode })),
  );
}

export async function init(
  side: Side,
  transactionalId: string | null,
  options: AskOptions & {
    readonly version?: number;
    readonly timeoutMs?: number;
    readonly as?: RawProducer;
  } = {},
): Promise<RawProducer> {
  const { version = 5, timeoutMs = TIMEOUT_MS, as: expected } = options;
  const id = transactionalId && side.unique(transactionalId);
  const { producerId, producerEpoch } = await side.ask(
    initProducerId,
    version,
    { transactionalId: id, transactionTimeoutMs: timeoutMs, ...expected },
    options,
  );
  return { producerId, producerEpoch };
}

export async function addPartitions(
  side: Side,
  transactionalId: string,
  producer: RawProducer,
  partitions: PartitionsOf,
  options: AskOptions & { readonly version?: number; readonly verifyOnly?: boolean } = {},
): Promise<void> {
  const { version = 3, verifyOnly = false } = options;
  const { producerId, producerEpoch } = producer;
  const topics = byTopic(side, partitions);
  const id = side.unique(transactionalId);
  const body: RequestBody<typeof addPartitionsToTxn> =
    version >= 4
      ? { transactions: [{ transactionalId: id, producerId, producerEpoch, verifyOnly, topics }] }
      : {
          v3AndBelowTransactionalId: id,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: topics,
        };
  await side.ask(addPartitionsToTxn, version, body, options);
}

export async function addOffsets(
  side: Side,
  transactionalId: string,
  producer: RawProducer,
  groupId: string,
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  const { producerId, producerEpoch } = producer;
  const body = {
    transactionalId: side.unique(transactionalId),
    producerId,
    producerEpoch,
    groupId: groupId && side.unique(groupId),
  };
  await side.ask(addOffsetsToTxn, options.version ?? 3, body, options);
}

export async function txnOffsets(
  side: Side,
  transactionalId: string,
  producer: RawProducer,
  groupId: string,
  topic: RawTopic | string,
  committedOffset: number,
  options: AskOptions & {
    readonly version?: number;
    readonly memberId?: string;
    readonly instanceId?: string;
    readonly generationId?: number;
    readonly partition?: number;
    readonly metadata?: string;
  } = {},
): Promise<void> {
  const { version = 5, memberId = "", generationId = -1, instanceId, partition = 0, metadata = null } = options;
  const { producerId, producerEpoch } = producer;
  const body = {
    transactionalId: side.unique(transactionalId),
    groupId: groupId && side.unique(groupId),
    producerId,
    producerEpoch,
    memberId,
    generationId,
    ...(instanceId === undefined ? {} : { groupInstanceId: instanceId }),
    topics: [
      {
        name: nameOf(side, topic),
        partitions: [{ partitionIndex: partition, committedOffset, committedMetadata: metadata }],
      },
    ],
  };
  await side.ask(txnOffsetCommit, version, body, options);
}

/** The producer is who goes on afterwards: as v5 tells, else the same. Returns when the transaction is complete. */
export async function end(
  side: Side,
  transactionalId: string,
  producer: RawProducer,
  type: "commit" | "abort",
  options: AskOptions & { readonly version?: number } = {},
): Promise<RawProducer> {
  const { version = 5, note } = options;
  const id = side.unique(transactionalId);
  const body = { transactionalId: id, ...bare(producer), committed: type === "commit" };
  const { errorCode, ...next } = await side.ask(endTxn, version, body, {
    ...options,
    note: note ? `${type}, ${note}` : type,
  });
  await side.settled(id);
  return version >= 5 && errorCode === 0 ? bare(next) : producer;
}

export interface ProduceOptions extends AskOptions {
  readonly version?: number;
  readonly producer?: RawProducer;
  readonly sequence?: number;
  /** In the request. */
  readonly transactionalId?: string;
  /** In the batch; as the request has it by default. */
  readonly isTransactional?: boolean;
  readonly partition?: number;
  readonly acks?: number;
  /** Of the records. Default: the script's epoch. */
  readonly timestamp?: number;
  readonly compression?: number;
  /** Done to the batch before it is sent; its CRC is made to match. */
  readonly change?: (batch: Buffer) => void;
}

/** One batch. Gives its base offset; -1 with an error. */
export async function write(
  side: Side,
  topic: RawTopic,
  values: readonly string[],
  options: ProduceOptions = {},
): Promise<number> {
  const { version = 12, producer, sequence = 0, transactionalId, partition = 0, acks = -1 } = options;
  const isTransactional = options.isTransactional ?? transactionalId !== undefined;
  const records = batchOf(values, {
    timestamp: options.timestamp ?? side.epochMs,
    sequence,
    ...(producer ? { producer } : {}),
    ...(isTransactional ? { transactionalId: "" } : {}),
    ...(options.compression ? { compression: options.compression } : {}),
  });
  if (options.change) {
    options.change(records);
    records.writeUInt32BE(new RecordBatch(records).computeCrc(), CRC_AT);
  }
  const { responses } = await side.ask(
    produce,
    version,
    {
      transactionalId: transactionalId === undefined ? null : side.unique(transactionalId),
      acks,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: topic.name, topicId: topic.id, partitionData: [{ index: partition, records }] }],
    },
    options,
  );
  return responses[0]?.partitionResponses[0]?.baseOffset ?? -1;
}

/** What a transactional producer's Produce carries. */
export function within(transactionalId: string, producer: RawProducer, sequence = 0): ProduceOptions {
  return { transactionalId, producer, sequence };
}

export async function marker(
  side: Side,
  producer: RawProducer,
  type: "commit" | "abort",
  partitions: PartitionsOf,
  options: AskOptions & {
    readonly version?: number;
    readonly coordinatorEpoch?: number;
    readonly transactionVersion?: number;
  } = {},
): Promise<void> {
  const { version = 2, coordinatorEpoch = 0, transactionVersion = 0, note } = options;
  const body = {
    markers: [
      {
        ...bare(producer),
        transactionResult: type === "commit",
        coordinatorEpoch,
        transactionVersion,
        topics: byTopic(side, partitions).map(({ name, partitions }) => ({ name, partitionIndexes: partitions })),
      },
    ],
  };
  await side.ask(writeTxnMarkers, version, body, { ...options, note: note ? `${type}, ${note}` : type });
}

export async function producers(side: Side, topic: RawTopic | string, partition = 0, note?: string): Promise<void> {
  const body = { topics: [{ name: nameOf(side, topic), partitionIndexes: [partition] }] };
  await side.ask(describeProducers, 0, body, note ? { note } : {});
}

export async function describe(side: Side, transactionalIds: readonly string[], note?: string): Promise<void> {
  const body = { transactionalIds: transactionalIds.map((id) => id && side.unique(id)) };
  await side.ask(describeTransactions, 0, body, { retry: [], ...(note ? { note } : {}) });
}

/** Others' transactional ids are left out of the answer. */
export async function list(
  side: Side,
  filter: Partial<RequestBody<typeof listTransactions>>,
  options: AskOptions & { readonly version?: number } = {},
): Promise<void> {
  const body = { stateFilters: [], producerIdFilters: [], ...filter };
  await side.ask(listTransactions, options.version ?? 2, body, options, ({ transactionStates, ...rest }) => ({
    ...rest,
    transactionStates: transactionStates.filter(({ transactionalId }) => side.owns(transactionalId)),
  }));
}

function bare({ producerId, producerEpoch }: RawProducer): RawProducer {
  return { producerId, producerEpoch };
}

/** A topic that was created, or the name of one that was not. */
function nameOf(side: Side, topic: RawTopic | string): string {
  return typeof topic === "string" ? side.unique(topic) : topic.name;
}

function byTopic(side: Side, partitions: PartitionsOf): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const [topic, partition] of partitions) {
    const name = nameOf(side, topic);
    topics.set(name, [...(topics.get(name) ?? []), partition]);
  }
  return [...topics].map(([name, ofTopic]) => ({ name, partitions: ofTopic }));
}
