/** The responses, and which errors the versions of each request know. Pure. */
import type { addOffsetsToTxn } from "../../protocol/apis/add-offsets-to-txn.ts";
import type { addPartitionsToTxn } from "../../protocol/apis/add-partitions-to-txn.ts";
import type { endTxn } from "../../protocol/apis/end-txn.ts";
import type { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { TopicPartition } from "./partitions.ts";
import type { Producer, TransactionVersion } from "./state.ts";

/** The first versions of the requests in which PRODUCER_FENCED may come back (KIP-588). */
const fencedSince = { initProducerId: 4, addPartitionsToTxn: 2, addOffsetsToTxn: 2, endTxn: 2 } as const;

function codeFor(api: keyof typeof fencedSince, version: number, error: ErrorName): number {
  const isUnknown = error === "PRODUCER_FENCED" && version < fencedSince[api];
  return errorCodes[isUnknown ? "INVALID_PRODUCER_EPOCH" : error];
}

/** `producer` with success only. */
export function initProducerIdResponse(
  version: number,
  error: ErrorName,
  producer?: Producer,
): ResponseBody<typeof initProducerId> {
  return {
    throttleTimeMs: 0,
    errorCode: codeFor("initProducerId", version, error),
    producerId: producer?.producerId ?? -1,
    producerEpoch: producer?.producerEpoch ?? -1,
  };
}

/** `producer`: who goes on after the transaction; told by v5 and later. */
export function endTxnResponse(version: number, error: ErrorName, producer?: Producer): ResponseBody<typeof endTxn> {
  const errorCode = codeFor("endTxn", version, error);
  return { throttleTimeMs: 0, errorCode, ...(version >= 5 ? producer : undefined) };
}

export function addOffsetsToTxnResponse(version: number, error: ErrorName): ResponseBody<typeof addOffsetsToTxn> {
  return { throttleTimeMs: 0, errorCode: codeFor("addOffsetsToTxn", version, error) };
}

/** Partitions to add to one producer's transaction, or to look for in it. */
export interface PartitionsRequest extends Producer {
  readonly transactionalId: string;
  readonly partitions: readonly TopicPartition[];
  /** Only asks whether the partitions are in the open transaction. */
  readonly verifyOnly: boolean;
  readonly version: TransactionVersion;
}

/** The transactions in an AddPartitionsToTxn: one from a client (v0-3), many from a broker. They may belong to
 * different coordinators. */
export function partitionsRequests(
  request: RequestOf<typeof addPartitionsToTxn>,
  version: number,
): readonly PartitionsRequest[] {
  if (version >= 4) {
    return request.transactions.map(({ topics, ...rest }) => ({ ...rest, partitions: flatten(topics), version: 2 }));
  }
  return [
    {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      partitions: flatten(request.v3AndBelowTopics),
      verifyOnly: false,
      version: 0,
    },
  ];
}

/** One answer for all the transactions of an AddPartitionsToTxn. */
export function addPartitionsToTxnResponse(
  version: number,
  results: readonly {
    readonly request: PartitionsRequest;
    /** One for each of the request's partitions, in order. */
    readonly errors: readonly ErrorName[];
  }[],
): ResponseBody<typeof addPartitionsToTxn> {
  const resultsByTransaction = results.map(({ request, errors }) => ({
    transactionalId: request.transactionalId,
    topicResults: topicResults(request.partitions, errors, version),
  }));
  if (version >= 4) return { throttleTimeMs: 0, errorCode: errorCodes.NONE, resultsByTransaction };
  return { throttleTimeMs: 0, resultsByTopicV3AndBelow: resultsByTransaction[0]?.topicResults ?? [] };
}

function topicResults(
  partitions: readonly TopicPartition[],
  errors: readonly ErrorName[],
  version: number,
): { readonly name: string; readonly resultsByPartition: { partitionIndex: number; partitionErrorCode: number }[] }[] {
  const byTopic = new Map<string, { partitionIndex: number; partitionErrorCode: number }[]>();
  for (const [index, { topic, partition }] of partitions.entries()) {
    const results = byTopic.get(topic) ?? [];
    byTopic.set(topic, results);
    const error = errors[index] ?? "UNKNOWN_SERVER_ERROR";
    results.push({ partitionIndex: partition, partitionErrorCode: codeFor("addPartitionsToTxn", version, error) });
  }
  return [...byTopic].map(([name, resultsByPartition]) => ({ name, resultsByPartition }));
}

function flatten(
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
): readonly TopicPartition[] {
  return topics.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })));
}

/** The error of a Produce whose transaction was asked after: the ones that its version knows. Those that go away by
 * themselves become one that old clients retry too. */
export function produceError(error: ErrorName, version: number): ErrorName {
  switch (error) {
    case "PRODUCER_FENCED":
      return "INVALID_PRODUCER_EPOCH";
    case "TRANSACTION_ABORTABLE":
      return version >= 11 ? error : "INVALID_TXN_STATE";
    case "CONCURRENT_TRANSACTIONS":
      return version >= 12 ? error : "NOT_ENOUGH_REPLICAS";
    case "COORDINATOR_LOAD_IN_PROGRESS":
    case "COORDINATOR_NOT_AVAILABLE":
    case "NOT_COORDINATOR":
      return "NOT_ENOUGH_REPLICAS";
    default:
      return error;
  }
}

/** The same for TxnOffsetCommit, whose clients know a coordinator that is loading, but for the first ones. */
export function txnOffsetCommitError(error: ErrorName, version: number): ErrorName {
  switch (error) {
    case "PRODUCER_FENCED":
      return "INVALID_PRODUCER_EPOCH";
    case "TRANSACTION_ABORTABLE":
      return version >= 4 ? error : "INVALID_TXN_STATE";
    case "CONCURRENT_TRANSACTIONS":
      return version >= 5 ? error : txnOffsetCommitError("COORDINATOR_LOAD_IN_PROGRESS", version);
    case "COORDINATOR_LOAD_IN_PROGRESS":
      // Producers up to Kafka 1.1 fail on it (KAFKA-7296).
      return version >= 2 ? error : "COORDINATOR_NOT_AVAILABLE";
    default:
      return error;
  }
}
