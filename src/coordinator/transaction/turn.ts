import type { MarkerType } from "../../protocol/records/control.ts";
import type { CoordinatorRecord, Reply, Step } from "../coordinator.ts";
import { listPartitions, type TopicPartition } from "./partitions.ts";
import { stateRecord, tombstone } from "./records.ts";
import {
  checkTransition,
  isPrepared,
  type Producer,
  type TransactionMetadata,
  type TransactionVersion,
} from "./state.ts";
import { completed } from "./transitions.ts";

/** Markers to write: one in each partition, in any order. */
export interface MarkerRequest extends Producer {
  readonly transactionalId: string;
  readonly type: MarkerType;
  readonly coordinatorEpoch: number;
  /** 2: the epoch is above that of the records, so that a partition can tell the marker of an earlier transaction. */
  readonly transactionVersion: TransactionVersion;
  readonly partitions: readonly TopicPartition[];
}

/** What one input led to. */
export interface TransactionStep extends Step {
  /** To be written once `records` are durable: an end that could still be forgotten must not be seen in a partition. */
  readonly markers: readonly MarkerRequest[];
}

/** A step in the making. Its changes are seen by what is decided later in it, and by nobody else. */
export class Turn implements TransactionStep {
  /** Ms since 1970. */
  readonly now: number;
  readonly records: CoordinatorRecord[] = [];
  readonly replies: Reply[] = [];
  readonly markers: MarkerRequest[] = [];
  readonly #coordinatorEpoch: number;
  readonly #stateBefore: (transactionalId: string) => TransactionMetadata | undefined;
  readonly #changed = new Map<string, TransactionMetadata>();

  /** `stateBefore` reads the machine's state, which this step leaves alone. */
  constructor(
    now: number,
    coordinatorEpoch: number,
    stateBefore: (transactionalId: string) => TransactionMetadata | undefined,
  ) {
    this.now = now;
    this.#coordinatorEpoch = coordinatorEpoch;
    this.#stateBefore = stateBefore;
  }

  get(transactionalId: string): TransactionMetadata | undefined {
    return this.#changed.get(transactionalId) ?? this.#stateBefore(transactionalId);
  }

  /** Moves a transactional id on. What has no partition to mark is complete at once. */
  put(next: TransactionMetadata): void {
    checkTransition(this.get(next.transactionalId), next);
    this.#changed.set(next.transactionalId, next);
    this.records.push(stateRecord(next));
    if (isPrepared(next)) this.complete(next);
  }

  /** Asks for the markers of a prepared transaction. */
  complete(metadata: TransactionMetadata): void {
    if (metadata.partitions.size === 0) {
      this.put(completed(metadata, this.now));
      return;
    }
    this.markers.push({
      transactionalId: metadata.transactionalId,
      ...metadata.producer,
      type: metadata.state === "PrepareCommit" ? "commit" : "abort",
      coordinatorEpoch: this.#coordinatorEpoch,
      transactionVersion: metadata.version,
      partitions: listPartitions(metadata.partitions),
    });
  }

  forget(transactionalId: string): void {
    this.records.push(tombstone(transactionalId));
  }

  reply(reply: Reply): void {
    this.replies.push(reply);
  }
}
