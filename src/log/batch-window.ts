import { DiskError, type DiskFile } from "../platform/disk.ts";
import { allocate } from "../platform/memory.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../protocol/records/batch.ts";

const DEFAULT_WINDOW_BYTES = 16 * 1024;

/** Looks at the batches in a segment's file through a window of memory that moves with the reader. What it returns is
 * valid until the next call of any window with the same memory. */
export class BatchWindow {
  readonly #file: DiskFile;
  /** Of the bytes that count: a file may be longer than what was written to it in full. */
  readonly #endPosition: number;
  #window: Buffer;
  #start = 0;
  #length = 0;

  /** `window`: how large, or the memory itself. */
  constructor(file: DiskFile, endPosition: number, window: number | Buffer = DEFAULT_WINDOW_BYTES) {
    this.#file = file;
    this.#endPosition = endPosition;
    this.#window =
      typeof window === "number" ? allocate(Math.min(window, Math.max(endPosition, BATCH_HEADER_BYTES))) : window;
  }

  /** A batch of which only the header may be read. Undefined where none can begin, as at the end: see `problemAt`. */
  headerAt(position: number): RecordBatch | undefined {
    if (position + BATCH_HEADER_BYTES > this.#endPosition) return undefined;
    const batch = this.#view(position, BATCH_HEADER_BYTES);
    return batch && headerProblem(batch, this.#endPosition - position) === undefined ? batch : undefined;
  }

  /** A batch with all its bytes; its CRC is not checked. */
  batchAt(position: number): RecordBatch | undefined {
    const header = this.headerAt(position);
    return header && this.#view(position, header.sizeBytes);
  }

  /** Why no batch begins at a position before the end. */
  problemAt(position: number): string {
    const left = this.#endPosition - position;
    if (left < BATCH_HEADER_BYTES) return `${left} bytes are too few for a batch's header`;
    const batch = this.#view(position, BATCH_HEADER_BYTES);
    return (batch && headerProblem(batch, left)) ?? "the file is shorter than it was";
  }

  #view(position: number, length: number): RecordBatch | undefined {
    if (position < this.#start || position + length > this.#start + this.#length) {
      if (length > this.#window.length) this.#window = allocate(length);
      this.#start = position;
      const wanted = Math.min(this.#window.length, this.#endPosition - position);
      this.#length = this.#file.read(this.#window, 0, wanted, position);
      if (this.#length < length) {
        // Taken for the log's end, it would be cut there, and all that lies behind would be gone.
        if (this.#file.size() >= this.#endPosition) throw shortRead(this.#file, position + this.#length);
        return undefined;
      }
    }
    return new RecordBatch(this.#window, position - this.#start);
  }
}

function shortRead({ path }: DiskFile, position: number): DiskError {
  return new DiskError("SHORT_READ", path, `${path}: a read ended at position ${position}, before the file does`);
}

/** Why no batch can begin where `batch` was read, `bytesLeft` bytes before the end. */
export function headerProblem(batch: RecordBatch, bytesLeft: number): string | undefined {
  const { sizeBytes, magic, lastOffsetDelta } = batch;
  if (sizeBytes < BATCH_HEADER_BYTES) return `a batch of ${sizeBytes} bytes`;
  if (magic !== 2) return `record format ${magic}`;
  if (lastOffsetDelta < 0) return `a last offset delta of ${lastOffsetDelta}`;
  if (sizeBytes > bytesLeft) return `a batch of ${sizeBytes} bytes, of which ${bytesLeft} are there`;
  return undefined;
}
