/**
 * What each request means in each state of its transactional id. Pure functions: the machine writes what they decide.
 * Sources: KIP-98, KIP-360, KIP-588, KIP-890, and experiments on Apache Kafka 4.3.
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { MarkerType } from "../../protocol/records/control.ts";
import { includesPartition, type TopicPartition, withPartitions } from "./partitions.ts";
import {
  currentProducer,
  isExhausted,
  isPrepared,
  isSame,
  type Producer,
  type TransactionMetadata,
  type TransactionVersion,
} from "./state.ts";
import {
  initialized,
  type ProducerIds,
  partitionsAdded,
  prepared,
  preparedWithNextEpoch,
  successor,
} from "./transitions.ts";

/** Undefined: the transactional id is not known. */
type Known = TransactionMetadata | undefined;

export type Decision =
  /** An error, and nothing changes. */
  | { readonly kind: "refuse"; readonly error: ErrorName }
  /** Success, once `next` is durable; without `next`, the state already says so. */
  | { readonly kind: "accept"; readonly next?: TransactionMetadata }
  /** A completion is in the way: decide again when it is through. `next`: the abort that has to be completed first. */
  | { readonly kind: "wait"; readonly next?: TransactionMetadata };

const accept: Decision = { kind: "accept" };
const wait: Decision = { kind: "wait" };

function refuse(error: ErrorName): Decision {
  return { kind: "refuse", error };
}

/** There are some again in a moment, or once the metadata log can be written: clients try again. */
const NO_IDS: ErrorName = "COORDINATOR_LOAD_IN_PROGRESS";

/** Whether the producer's epochs are used up, and no id can be taken that would go on. */
function lacksId({ producer }: TransactionMetadata, producerIds: ProducerIds): boolean {
  return isExhausted(producer) && !producerIds.isReady();
}

export interface InitRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** Who is asking, when it wants to go on after an error (KIP-360). Otherwise a new producer takes over. */
  readonly expected: Producer | undefined;
}

/** InitProducerId. A zombie is turned away before it can abort anything: Kafka aborts the rightful producer's open
 * transaction first, and then finds that the one who asked is fenced. */
export function decideInit(metadata: Known, request: InitRequest, producerIds: ProducerIds, now: number): Decision {
  const { transactionalId, timeoutMs, expected } = request;
  if (!metadata) {
    if (!producerIds.isReady()) return refuse(NO_IDS);
    const first = { producerId: producerIds.take(), producerEpoch: 0 };
    return { kind: "accept", next: initialized(transactionalId, first, undefined, timeoutMs, now) };
  }
  const isCurrent = isSame(expected, currentProducer(metadata));
  const isRetry = isSame(expected, metadata.previous);
  if (expected && !isCurrent && !isRetry) return refuse("PRODUCER_FENCED");
  if (isPrepared(metadata)) return wait;
  if (!isRetry && lacksId(metadata, producerIds)) return refuse(NO_IDS);
  if (metadata.state === "Ongoing") {
    return { kind: "wait", next: preparedWithNextEpoch(metadata, "abort", isCurrent, producerIds, now) };
  }
  const producer = isRetry ? metadata.producer : successor(metadata.producer, producerIds);
  const previous = isRetry ? metadata.previous : isCurrent ? metadata.producer : undefined;
  return { kind: "accept", next: initialized(transactionalId, producer, previous, timeoutMs, now) };
}

/** Why `producer` may not touch the transaction; undefined when it may. */
function refusal(metadata: Known, producer: Producer): ErrorName | undefined {
  if (!metadata) return "INVALID_PRODUCER_ID_MAPPING";
  const current = currentProducer(metadata);
  if (producer.producerId !== current.producerId) return "INVALID_PRODUCER_ID_MAPPING";
  return producer.producerEpoch === current.producerEpoch ? undefined : "PRODUCER_FENCED";
}

/** AddPartitionsToTxn, AddOffsetsToTxn, and the implicit adds of Produce and TxnOffsetCommit in transactions v2. */
export function decideAdd(
  metadata: Known,
  producer: Producer,
  partitions: readonly TopicPartition[],
  version: TransactionVersion,
  now: number,
): Decision {
  const error = refusal(metadata, producer);
  if (!metadata || error) return refuse(error ?? "INVALID_PRODUCER_ID_MAPPING");
  if (isPrepared(metadata)) return wait;
  const isIncluded = withPartitions(metadata.partitions, partitions) === metadata.partitions;
  if (metadata.state === "Ongoing" && isIncluded) return accept;
  return { kind: "accept", next: partitionsAdded(metadata, partitions, version, now) };
}

/** Whether a partition may be written to, in the classic protocol: it must have been added to the open transaction
 * (KIP-890, part 1). Otherwise a Produce that was held up would open a transaction that nobody ends. */
export function verifyPartition(metadata: Known, producer: Producer, partition: TopicPartition): ErrorName {
  const error = refusal(metadata, producer);
  if (!metadata || error) return error ?? "INVALID_PRODUCER_ID_MAPPING";
  if (isPrepared(metadata)) return "CONCURRENT_TRANSACTIONS";
  return includesPartition(metadata.partitions, partition) ? "NONE" : "TRANSACTION_ABORTABLE";
}

/** EndTxn of the classic protocol (v0-4). The epoch does not tell a retry from the end of the next transaction; but
 * that one cannot have begun before the completion was through. */
export function decideClassicEnd(metadata: Known, producer: Producer, type: MarkerType, now: number): Decision {
  const error = refusal(metadata, producer);
  if (!metadata || error) return refuse(error ?? "INVALID_PRODUCER_ID_MAPPING");
  if (metadata.state === "Ongoing") return { kind: "accept", next: prepared(metadata, type, now) };
  return decideRepeatedEnd(metadata, type);
}

/**
 * EndTxn of transactions v2 (v5+), where the epoch tells a retry (it has the previous one) from the end of the next
 * transaction (the current one):
 *
 * |                | abort, retry      | abort, current | commit, retry     | commit, current   |
 * |----------------|-------------------|----------------|-------------------|-------------------|
 * | Empty          | PRODUCER_FENCED   | next epoch     | PRODUCER_FENCED   | INVALID_TXN_STATE |
 * | Ongoing        | PRODUCER_FENCED   | next epoch     | PRODUCER_FENCED   | next epoch        |
 * | PrepareCommit  | INVALID_TXN_STATE | wait           | wait              | wait              |
 * | PrepareAbort   | wait              | wait           | INVALID_TXN_STATE | wait              |
 * | CompleteCommit | INVALID_TXN_STATE | next epoch     | success           | INVALID_TXN_STATE |
 * | CompleteAbort  | success           | next epoch     | INVALID_TXN_STATE | INVALID_TXN_STATE |
 */
export function decideEnd(
  metadata: Known,
  producer: Producer,
  type: MarkerType,
  producerIds: ProducerIds,
  now: number,
): Decision {
  if (metadata && metadata.state !== "Empty" && isSame(producer, metadata.previous)) {
    return decideRepeatedEnd(metadata, type);
  }
  const error = refusal(metadata, producer);
  if (!metadata || error) return refuse(error ?? "INVALID_PRODUCER_ID_MAPPING");
  if (isPrepared(metadata)) return wait;
  if (metadata.state !== "Ongoing" && type === "commit") return refuse("INVALID_TXN_STATE");
  if (lacksId(metadata, producerIds)) return refuse(NO_IDS);
  return { kind: "accept", next: preparedWithNextEpoch(metadata, type, true, producerIds, now) };
}

/** Whoever ends a transaction once more may do so in the same way only. */
function decideRepeatedEnd(metadata: TransactionMetadata, type: MarkerType): Decision {
  const { state } = metadata;
  const isSameEnd = type === "commit" ? state.endsWith("Commit") : state.endsWith("Abort");
  if (!isSameEnd) return refuse("INVALID_TXN_STATE");
  return isPrepared(metadata) ? wait : accept;
}
