/** Writes the markers that end transactions into the partitions, and tells when they are durable. */

import type { TopicPartition } from "../coordinator/transaction/partitions.ts";
import type { MarkerRequest } from "../coordinator/transaction/turn.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import type { MarkerType } from "../protocol/records/control.ts";
import { OFFSETS_TOPIC } from "./metadata/topic-name.ts";
import type { Partitions } from "./partitions.ts";

/** Between two attempts at a partition that is offline. */
const RETRY_MS = 1000;

const WAITING = "transaction marker not written: its transactional id waits until the partition is online or deleted";

export interface Marker {
  readonly type: MarkerType;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: number;
}

export class MarkerWriter {
  readonly #partitions: Partitions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onOffsetsMarker: (partition: number, producerId: number, type: MarkerType) => void;
  #isStopped = false;

  /** `onOffsetsMarker` hears at once of each marker appended to `__consumer_offsets`, whose coordinators apply it. */
  constructor(options: {
    readonly partitions: Partitions;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onOffsetsMarker: (partition: number, producerId: number, type: MarkerType) => void;
  }) {
    this.#partitions = options.partitions;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onOffsetsMarker = options.onOffsetsMarker;
  }

  /** Calls `onWritten` once a marker is durable in every partition of the request that still exists. Tries for ever:
   * a partition without its marker would hold its readers back for ever; unless `isWanted` says that another coordinator
   * looks after the transaction. A marker of ours that comes behind its own could end a later transaction. */
  writeAll(request: MarkerRequest, isWanted: () => boolean, onWritten: () => void): void {
    let missing = request.partitions.length;
    for (const partition of request.partitions) {
      this.#writeUntilDone(partition, request, isWanted, () => {
        missing--;
        if (missing === 0) onWritten();
      });
    }
  }

  /** Writes one marker; `done` is called with NONE once it is durable. */
  write({ topic, partition: index }: TopicPartition, marker: Marker, done: (error: ErrorName) => void): void {
    const partition = this.#partitions.find(topic, index);
    if (typeof partition === "string") {
      done(partition);
      return;
    }
    const outcome = partition.log.appendMarker({ ...marker, timestamp: this.#clock.now() });
    if (!outcome.ok) {
      done(outcome.error);
      return;
    }
    if (topic === OFFSETS_TOPIC) this.#onOffsetsMarker(index, marker.producerId, marker.type);
    partition.log.whenDurable(outcome.lastOffset + 1, (error) => done(error ? "KAFKA_STORAGE_ERROR" : "NONE"));
  }

  stop(): void {
    this.#isStopped = true;
  }

  #writeUntilDone(
    partition: TopicPartition,
    marker: MarkerRequest,
    isWanted: () => boolean,
    done: () => void,
    isFirst = true,
  ): void {
    // The next start, or the other coordinator, asks for it again.
    if (this.#isStopped || !isWanted()) return;
    this.write(partition, marker, (error) => {
      // A deleted partition needs no marker, and one that knows a newer producer has had it.
      if (error === "NONE" || error === "UNKNOWN_TOPIC_OR_PARTITION" || error === "INVALID_PRODUCER_EPOCH") {
        done();
        return;
      }
      if (isFirst) {
        const { transactionalId, producerId, producerEpoch, type } = marker;
        const fields = { ...partition, transactionalId, producerId, producerEpoch, type, error };
        this.#logger.log("warn", WAITING, fields);
      }
      this.#clock.setTimer(RETRY_MS, () => this.#writeUntilDone(partition, marker, isWanted, done, false));
    });
  }
}
