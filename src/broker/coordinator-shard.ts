/**
 * Runs one coordinator machine on its partition of an internal topic: replays the log into it, appends what it decides,
 * applies that, and lets replies out once what they rest on is durable.
 */

import type { CoordinatorMachine, CoordinatorRecord, Step } from "../coordinator/coordinator.ts";
import type { AppendOutcome } from "../log/types.ts";
import { assert } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { batchesIn, RecordBatch } from "../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../protocol/records/builder.ts";
import { type MarkerType, readMarker } from "../protocol/records/control.ts";
import { decodeRecords } from "../protocol/records/record.ts";
import type { Partition } from "./partition.ts";

/** A step that has an answer for a log that refuses its records; see GroupStep. */
export interface RefusableStep extends Step {
  readonly refused?: ((error: ErrorName) => void) | undefined;
}

/** What a shard needs of its kind of machine beyond driving it. */
export interface ShardHooks<M extends CoordinatorMachine<S>, S extends RefusableStep> {
  /** A marker stands in the log, in the order of the records. */
  applyMarker?(machine: M, producerId: number, type: MarkerType): void;
  /** The log is replayed: what the machine does first. Without one, nothing. */
  loaded(machine: M, now: number): S | undefined;
  /** Called for each step once its records are durable, after its replies. */
  durable?(shard: CoordinatorShard<M, S>, step: S): void;
}

/** A request whose answer is not out. */
interface Outstanding {
  fail(error: ErrorName): void;
}

/** The disk did not give what is in the log; it may another time. */
class ReadRefused extends Error {
  override readonly name = "ReadRefused";
}

type State = "loading" | "active" | "failed";

/** A wall clock that has gone so far away from the monotonic one was set. Below that the two were read a moment apart. */
const CLOCK_MOVED_MS = 100;
/** Bytes replayed before other work gets its turn. */
const LOAD_SLICE_BYTES = 1024 * 1024;

export class CoordinatorShard<M extends CoordinatorMachine<S>, S extends RefusableStep> {
  readonly machine: M;
  readonly partition: Partition;
  readonly #hooks: ShardHooks<M, S>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onRefused: () => void;
  #state: State = "loading";
  readonly #outstanding = new Set<Outstanding>();
  #timer: Timer | undefined;
  /** When `#timer` fires; Infinity without one. */
  #timerAt = Number.POSITIVE_INFINITY;
  /** From the monotonic clock to the wall clock, in ms. */
  #wallClockMs: number;

  /** `onRefused`: the log did not take a record, or did not give one, and may later. The shard is of no use any more; another
   * one may take its place. */
  constructor(options: {
    readonly machine: M;
    readonly partition: Partition;
    readonly hooks: ShardHooks<M, S>;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onRefused?: () => void;
  }) {
    this.machine = options.machine;
    this.partition = options.partition;
    this.#hooks = options.hooks;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onRefused = options.onRefused ?? (() => {});
    this.#wallClockMs = this.#clock.now() - this.#clock.monotonic();
    this.partition.onAdvance.add(this.#advanced);
    this.#load(this.partition.log.logStartOffset);
  }

  /** Why requests cannot be taken; undefined when they can. */
  get problem(): ErrorName | undefined {
    if (this.#state === "loading") return "COORDINATOR_LOAD_IN_PROGRESS";
    return this.#state === "failed" || this.partition.isOffline ? "COORDINATOR_NOT_AVAILABLE" : undefined;
  }

  /**
   * Takes a request. `decide` calls the machine's method and passes `answer` on as its reply; `respond` gets the answer,
   * or what `unavailable` makes of an error when there can be none.
   */
  request<T>(
    decide: (machine: M, now: number, answer: (response: T) => void) => S,
    respond: (response: T) => void,
    unavailable: (error: ErrorName) => T,
  ): void {
    const { problem } = this;
    if (problem) {
      respond(unavailable(problem));
      return;
    }
    const outstanding: Outstanding = { fail: (error) => respond(unavailable(error)) };
    this.#outstanding.add(outstanding);
    const answer = (response: T): void => {
      // A machine that answers after its shard failed has been answered for already.
      if (this.#outstanding.delete(outstanding)) respond(response);
    };
    this.#run(() => decide(this.machine, this.#now(), answer));
  }

  /** Something other than a request happened. Nothing is done when the shard is not active. */
  notify(decide: (machine: M, now: number) => S): void {
    if (this.problem === undefined) this.#run(() => decide(this.machine, this.#now()));
  }

  /** A marker was appended to this shard's partition. One that is appended during loading is replayed like the rest. */
  markerAppended(producerId: number, type: MarkerType): void {
    if (this.#state === "active") this.#hooks.applyMarker?.(this.machine, producerId, type);
  }

  /** Takes no more requests, and answers those that wait for each other. */
  stop(): void {
    this.#fail();
  }

  readonly #advanced = (): void => {
    if (this.partition.isOffline) this.#fail();
  };

  /** A machine that contradicts itself may have changed by halves, or be behind its log. It is a bug, and whoever asked is in the middle of
   * something else at times: the end of a sync, which others wait for. */
  #run(decide: () => S | undefined): void {
    try {
      const step = decide();
      if (step) this.#take(step);
      else this.#schedule();
    } catch (error) {
      if (this.#state === "failed") throw error;
      this.#end({ isForGood: false, isBug: true, reason: "it contradicts itself", error });
    }
  }

  #take(step: S): void {
    if (step.records.length > 0) {
      const now = this.#clock.now();
      const outcome = this.#append(step.records, now);
      if (!outcome.ok) {
        this.#refused(step, outcome.error, outcome.message);
        return;
      }
      for (const [index, record] of step.records.entries()) {
        this.machine.apply(record, outcome.baseOffset + index, now);
      }
    }
    const { log } = this.partition;
    log.whenDurable(log.logEndOffset, (error) => {
      if (this.#state === "failed") return;
      if (error) {
        this.#fail();
        return;
      }
      for (const reply of step.replies) reply();
      this.#hooks.durable?.(this, step);
    });
    this.#schedule();
  }

  /** The records become one batch: they belong to one transaction, or to none. */
  #append(records: readonly CoordinatorRecord[], now: number): AppendOutcome {
    const builder = new RecordBatchBuilder();
    for (const { key, value } of records) builder.append(now, key, value);
    const transaction = records[0]?.transaction;
    assert(records.every((record) => record.transaction?.producerId === transaction?.producerId));
    const bytes = builder.build(transaction ? { ...transaction, isTransactional: true } : {});
    return this.partition.log.append([new RecordBatch(bytes)], "coordinator");
  }

  /** The log did not take the step's records: because of the producer whose transaction they belong to, because there is no room
   * for them, or because it is broken. The machine has an answer if they are a producer's, and has not changed. */
  #refused(step: S, error: ErrorName, message: string): void {
    const { isOffline } = this.partition;
    if (step.refused && !isOffline) {
      step.refused(error);
      return;
    }
    this.#end({ isForGood: isOffline, reason: "its log refused a record", error: `${error}: ${message}` });
  }

  #end({
    isForGood,
    isBug = false,
    reason,
    error,
  }: {
    readonly isForGood: boolean;
    readonly isBug?: boolean;
    readonly reason: string;
    readonly error: unknown;
  }): void {
    const fields = { topic: this.partition.topic, partition: this.partition.index, error };
    if (isForGood) this.#logger.log("error", `coordinator stopped: ${reason}`, fields);
    else this.#logger.log(isBug ? "error" : "warn", `coordinator begins anew: ${reason}`, fields);
    this.#fail();
    if (!isForGood) this.#onRefused();
  }

  /** The machine is ahead of its log, without one, or told to stop, and must not be used again. */
  #fail(): void {
    this.#state = "failed";
    this.#timer?.cancel();
    this.partition.onAdvance.delete(this.#advanced);
    const outstanding = [...this.#outstanding];
    this.#outstanding.clear();
    for (const request of outstanding) request.fail("COORDINATOR_NOT_AVAILABLE");
  }

  #schedule(): void {
    if (this.#state !== "active") return;
    const now = this.#now();
    const next = this.machine.nextDeadline();
    // One that comes too early is harmless, and cheaper than a new one for each heartbeat.
    if (next === undefined || next >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = next;
    this.#timer = this.#clock.setTimer(Math.max(0, next - now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (this.problem === undefined) this.#run(() => this.machine.tick(this.#now()));
    });
  }

  /** The wall clock's time. Tells the machine when that clock was set: timeouts are of time that goes by. */
  #now(): number {
    const now = this.#clock.now();
    const movedMs = Math.round(now - this.#clock.monotonic() - this.#wallClockMs);
    if (Math.abs(movedMs) >= CLOCK_MOVED_MS) {
      this.#wallClockMs += movedMs;
      this.#timerAt += movedMs;
      this.machine.clockMoved(movedMs);
    }
    return now;
  }

  /** Replays the log from `offset` on, in slices. What is appended meanwhile (markers) is replayed too. */
  #load(offset: number): void {
    if (this.#state !== "loading") return;
    try {
      const next = this.#replaySlice(offset);
      const { log } = this.partition;
      if (next < log.logEndOffset) {
        // Only what is durable can be read.
        log.whenDurable(next + 1, (error) => {
          if (error) this.#fail();
          else this.#clock.setImmediate(() => this.#load(next));
        });
        return;
      }
    } catch (error) {
      const isForGood = !(error instanceof ReadRefused) || this.partition.isOffline;
      this.#end({ isForGood, reason: "its log cannot be replayed", error });
      return;
    }
    this.#state = "active";
    this.#run(() => this.#hooks.loaded(this.machine, this.#now()));
  }

  /** Gives the offset to go on from. */
  #replaySlice(offset: number): number {
    const { log } = this.partition;
    if (offset >= log.highWatermark) return offset;
    const read = log.read({ offset, maxBytes: LOAD_SLICE_BYTES, isolation: "read_uncommitted", minOneBatch: true });
    if (!read.ok) {
      const problem = `offset ${offset}: ${read.error}: ${read.message}`;
      throw read.error === "KAFKA_STORAGE_ERROR" ? new ReadRefused(problem) : new Error(problem);
    }
    let next = offset;
    for (const batch of batchesIn(read.records)) {
      if (batch.isControl) this.#replayMarker(batch);
      else this.#replayRecords(batch);
      next = batch.nextOffset;
    }
    assert(next > offset, "a read of a coordinator's log moves on");
    return next;
  }

  #replayMarker(batch: RecordBatch): void {
    const marker = readMarker(batch);
    if (marker) this.#hooks.applyMarker?.(this.machine, batch.producerId, marker.type);
  }

  #replayRecords(batch: RecordBatch): void {
    const { producerId, producerEpoch } = batch;
    const transaction = batch.isTransactional ? { transaction: { producerId, producerEpoch } } : undefined;
    for (const { key, value, offset, timestamp } of decodeRecords(batch)) {
      if (key) this.machine.apply({ key, value, ...transaction }, offset, timestamp);
    }
  }
}
