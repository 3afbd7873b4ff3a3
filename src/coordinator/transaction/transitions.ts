/** The transitions of a transactional id, each a pure function from one state to the next. Which one is taken, the
 * decisions say. */

import { assert } from "../../platform/assert.ts";
import type { MarkerType } from "../../protocol/records/control.ts";
import { noPartitions, type TopicPartition, withPartitions } from "./partitions.ts";
import {
  currentProducer,
  isExhausted,
  isPrepared,
  type Producer,
  type TransactionMetadata,
  type TransactionVersion,
} from "./state.ts";

export interface ProducerIds {
  /** Whether a request may take an id. One that may not can be refused; what happens by itself cannot. */
  isReady(): boolean;
  /** An id that nobody has had before, also not before a restart, greater than 0. */
  take(): number;
}

/** To Empty: `producer` takes over. */
export function initialized(
  transactionalId: string,
  producer: Producer,
  previous: Producer | undefined,
  timeoutMs: number,
  now: number,
): TransactionMetadata {
  return {
    transactionalId,
    producer,
    previous,
    nextProducerId: undefined,
    timeoutMs,
    state: "Empty",
    partitions: noPartitions,
    startedAt: undefined,
    updatedAt: now,
    version: 0,
  };
}

/** The producer after `producer`, which takes over while no transaction is open. */
export function successor(producer: Producer, producerIds: ProducerIds): Producer {
  if (isExhausted(producer)) return { producerId: producerIds.take(), producerEpoch: 0 };
  return { producerId: producer.producerId, producerEpoch: producer.producerEpoch + 1 };
}

/** To Ongoing, or on in it. That it adds partitions shows that the producer knows who it is. */
export function partitionsAdded(
  metadata: TransactionMetadata,
  added: readonly TopicPartition[],
  version: TransactionVersion,
  now: number,
): TransactionMetadata {
  return {
    ...metadata,
    previous: undefined,
    state: "Ongoing",
    partitions: withPartitions(metadata.partitions, added),
    startedAt: metadata.state === "Ongoing" ? metadata.startedAt : now,
    updatedAt: now,
    version,
  };
}

/** To Prepare*, in the classic protocol: the epoch stays. */
export function prepared(metadata: TransactionMetadata, type: MarkerType, now: number): TransactionMetadata {
  return {
    ...metadata,
    state: type === "commit" ? "PrepareCommit" : "PrepareAbort",
    startedAt: metadata.state === "Ongoing" ? metadata.startedAt : now,
    updatedAt: now,
    version: 0,
  };
}

/** To Prepare* with the next epoch, which the markers carry: whatever the old one still sends is refused everywhere.
 * `goesOn`: the producer itself goes on with the next epoch, and may ask for it once more. */
export function preparedWithNextEpoch(
  metadata: TransactionMetadata,
  type: MarkerType,
  goesOn: boolean,
  producerIds: ProducerIds,
  now: number,
): TransactionMetadata {
  const { producerId, producerEpoch } = metadata.producer;
  return {
    ...prepared(metadata, type, now),
    producer: { producerId, producerEpoch: producerEpoch + 1 },
    previous: goesOn ? metadata.producer : undefined,
    nextProducerId: isExhausted(metadata.producer) ? producerIds.take() : undefined,
    version: 2,
  };
}

/** To Complete*: every marker is written. */
export function completed(metadata: TransactionMetadata, now: number): TransactionMetadata {
  assert(isPrepared(metadata));
  return {
    ...metadata,
    producer: currentProducer(metadata),
    nextProducerId: undefined,
    state: metadata.state === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
    partitions: noPartitions,
    updatedAt: now,
  };
}
