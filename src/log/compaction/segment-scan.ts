import type { DiskFile } from "../../platform/disk.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../../protocol/records/batch.ts";
import { headerProblem } from "../batch-window.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import { LogCorruptionError } from "../log-corruption-error.ts";
import type { Segment } from "../segment.ts";
import { type CompactableLog, CompactionStopped } from "./compactable-log.ts";

/** So much is read and handled at a stretch, and so many records in it: a millisecond or two. */
const PIECE_BYTES = 128 * 1024;
const PIECE_RECORDS = 2000;

/** Reads a sealed segment's batches piece by piece through a file handle of its own, which the segment's removal does not
 * take away. Every batch's CRC and leader epoch are checked: what is damaged must not get a new one. */
export class SegmentScan {
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #epochs: LeaderEpochs;
  readonly #sizeBytes: number;
  #position = 0;
  #buffer: Buffer = Buffer.allocUnsafe(0);

  /** Throws CompactionStopped when the segment is not in the log any more. */
  constructor({ disk, segments }: CompactableLog, segment: Segment) {
    if (!segments.sealed.some(({ baseOffset }) => baseOffset === segment.baseOffset)) {
      throw new CompactionStopped("segments were deleted meanwhile");
    }
    this.#path = segment.path("log");
    this.#epochs = segments.epochs;
    this.#file = disk.open(this.#path);
    this.#sizeBytes = segment.sizeBytes;
  }

  /** Nothing is left. */
  get isDone(): boolean {
    return this.#position === this.#sizeBytes;
  }

  /** The next batches, valid until the next call. Throws a LogCorruptionError where one does not hold. */
  next(): RecordBatch[] {
    let bytes = this.#read(Math.min(PIECE_BYTES, this.#sizeBytes - this.#position));
    const first = this.#batchIn(bytes, 0);
    if (first.sizeBytes > bytes.length) bytes = this.#read(first.sizeBytes);
    const batches: RecordBatch[] = [];
    let at = 0;
    let records = 0;
    while (records < PIECE_RECORDS && bytes.length - at >= BATCH_HEADER_BYTES) {
      const batch = this.#batchIn(bytes, at);
      if (batch.sizeBytes > bytes.length - at) break;
      const problem = batch.hasValidCrc() ? this.#epochs.problemOf(batch) : "the CRC does not match";
      if (problem !== undefined) throw this.#damaged(at, problem);
      batches.push(batch);
      at += batch.sizeBytes;
      records += batch.recordCount;
    }
    this.#position += at;
    return batches;
  }

  close(): void {
    this.#file.close();
  }

  #batchIn(bytes: Buffer, at: number): RecordBatch {
    const bytesLeft = this.#sizeBytes - this.#position - at;
    if (bytesLeft < BATCH_HEADER_BYTES) throw this.#damaged(at, `${bytesLeft} bytes are too few for a batch's header`);
    const batch = new RecordBatch(bytes, at);
    const problem = headerProblem(batch, bytesLeft);
    if (problem !== undefined) throw this.#damaged(at, problem);
    return batch;
  }

  #read(length: number): Buffer {
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafe(length);
    const count = this.#file.read(this.#buffer, 0, length, this.#position);
    if (count < length) throw this.#damaged(count, "the file is shorter than it was");
    return this.#buffer.subarray(0, length);
  }

  #damaged(at: number, problem: string): LogCorruptionError {
    return new LogCorruptionError(this.#path, this.#position + at, problem);
  }
}
