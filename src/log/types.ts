/** What goes into a partition's log and what comes out of it. Offsets are exact numbers; times are ms since 1970. */
import type { Clock } from "../platform/clock.ts";
import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import type { ErrorName } from "../protocol/errors.ts";
import type { MarkerType } from "../protocol/records/control.ts";
import type { LogConfig } from "./log-config.ts";
import type { ReadAhead } from "./read-ahead.ts";

export interface PartitionLogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The partition's own folder, "<data>/<topic>-<partition>"; made when missing. */
  readonly folder: string;
  readonly topicPartition: { readonly topic: string; readonly partition: number };
  /** Written into `partition.metadata`; opening a folder of another topic id throws. */
  readonly topicId: string;
  readonly config: LogConfig;
  /** The log was opened before, and that was durable: opening throws a LogLostError when it is gone. Default false. */
  readonly isKnown?: boolean;
  /** Stamped on every batch appended from now on. */
  readonly leaderEpoch: number;
  /** The high watermark, last stable offset or log start offset moved, or the log went offline: whoever waits for
   * records looks again. Called inside `append` or when a sync has ended; must not throw. */
  readonly onAdvance?: () => void;
  /** A sync of its files has ended, after so long. */
  readonly onSynced?: (elapsedMs: number) => void;
  /** Default: nothing is read ahead. */
  readonly readAhead?: ReadAhead;
  /** Runs what needs room for a copy of a segment, one such task after the other. Default: at once. */
  readonly inTurn?: (task: () => Promise<void>) => Promise<void>;
}

/** A wire error with what to tell a person. */
export interface LogRefusal {
  readonly ok: false;
  readonly error: ErrorName;
  readonly message: string;
  /** Of a batch's records, those that it is refused for; left out where it is not for single ones (KIP-467). */
  readonly recordErrors?: readonly RecordError[];
}

export interface RecordError {
  /** From 0 on. */
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

/** Who appends: "client" batches get every check; those of "coordinator" (which writes offsets and its own records) carry
 * no sequences. */
export type AppendOrigin = "client" | "coordinator";

export interface AppendSuccess {
  readonly ok: true;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** The time given to the records with message.timestamp.type=LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The producer sent this batch before: nothing was appended, the offsets are the original's. It may not be durable
   * yet: wait with `whenDurable(lastOffset + 1)` as for any other. */
  readonly isDuplicate: boolean;
}

export type AppendOutcome = AppendSuccess | LogRefusal;

export interface MarkerOptions {
  readonly type: MarkerType;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
  /** 0 or 1: classic, the marker has the epoch of the records. 2: the epoch was bumped, and must be above the last seen
   * one (KIP-890, KIP-1228). */
  readonly transactionVersion: number;
}

/** Leave to begin one transaction in one partition, from `startVerification`. */
export interface VerificationGuard {
  readonly producerId: number;
}

/** `guard` is undefined when the transaction is open here already: nothing to verify. */
export type VerificationOutcome = { readonly ok: true; readonly guard: VerificationGuard | undefined } | LogRefusal;

export interface ReadOptions {
  readonly offset: number;
  readonly maxBytes: number;
  readonly isolation: "read_uncommitted" | "read_committed";
  /** Return the first batch even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
  /** The caller can do with records that are not read yet, and reads them with `late`. Default false. */
  readonly mayBeLate?: boolean;
}

/** Reads records when they are sent. Until the turn of the event loop ends: then the file may be another. Throws what reading a file
 * does; the next read says what is wrong. */
export interface LateRead {
  /** Reads from the byte `from` on into `target`, which it fills. */
  fill(target: Uint8Array, from: number): void;
  /** Gives bytes from `from` on, 1 to `maxBytes` of them, in memory from `allocate`, which is the caller's. */
  next(from: number, maxBytes: number): Uint8Array;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface ReadSuccess {
  readonly ok: true;
  /** Whole batches; the first may begin below the offset asked for. The caller owns the bytes. */
  readonly records: Uint8Array;
  /** When `records` is memory of the right size that nothing was read into yet. */
  readonly late?: LateRead;
  /** What the log has for this reader there, of a batch that is not among `records` any more the part within `maxBytes`. Infinity
   * where another segment goes on behind. 0 without records. */
  readonly availableBytes: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** With read_committed: the aborted transactions that overlap `records`, sorted by first offset; else empty. */
  readonly abortedTransactions: readonly AbortedTransaction[];
}

export type ReadOutcome = ReadSuccess | LogRefusal;

export interface TimestampAndOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

export type TimestampOutcome = { readonly ok: true; readonly found: TimestampAndOffset | undefined } | LogRefusal;

export interface EpochEndOffset {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** A producer as DescribeProducers shows it (KIP-664). -1 stands for none. */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  readonly currentTxnStartOffset: number;
}

export interface OpenTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly firstOffset: number;
  readonly lastTimestamp: number;
}
