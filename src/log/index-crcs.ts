import { crc32c } from "@node-rs/crc32";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { crcOf } from "./checked-text.ts";

const CHUNK_BYTES = 64 * 1024;
/** The file begins anew when it is larger. */
const MAX_BYTES = 4 * 1024;

/** So many bytes at a file's start, and their CRC-32C. */
export interface Checksum {
  readonly sizeBytes: number;
  readonly crc: number;
}

export interface SavedIndexes {
  /** They know all batches below. */
  readonly offset: number;
  readonly checksums: readonly Checksum[];
  /** Of what says so in the file. */
  readonly endPosition: number;
}

/** As much of an index as can be vouched for. */
interface CheckedEntries {
  /** Of what the next save leaves. */
  checksum(): Checksum;
  /** Of the open file: whether its first bytes are those, and, unless it `mayBeLonger`, all of it. Only these count then. */
  isAs(saved: Checksum, mayBeLonger: boolean): boolean;
}

/**
 * The file that holds the CRCs of a segment's indexes, whose format is Apache Kafka's and has none: a line with the offset
 * up to which they go, and one with size and CRC-32C for each; and the same again each time they were saved, behind what is there,
 * so that a crash in a write leaves those of the time before. It is written behind the indexes. Where a crash leaves four files that
 * do not agree, the indexes are built anew; also where Apache Kafka wrote them, which leaves no such file, or one that is older than
 * the indexes.
 */
export class IndexCrcs {
  readonly #disk: Disk;
  #path: string;
  readonly #indexes: readonly CheckedEntries[];
  #file: DiskFile | undefined;
  /** Of what is to stay in the file. */
  #sizeBytes = 0;
  #hasRemains = false;

  constructor(disk: Disk, path: string, indexes: readonly CheckedEntries[]) {
    this.#disk = disk;
    this.#path = path;
    this.#indexes = indexes;
  }

  /** A crash left more in the file than counts. */
  get hasRemains(): boolean {
    return this.#hasRemains;
  }

  /** Nothing that was saved counts any more. */
  reset(): void {
    this.#sizeBytes = 0;
    this.#hasRemains = false;
  }

  /** Of indexes that know all batches below `offset`. Says which file a sync must cover. */
  save(offset: number): DiskFile {
    const checksums = this.#indexes.map((index) => index.checksum());
    const bytes = Buffer.from(encodeIndexCrcs({ offset, checksums }));
    const position = this.#sizeBytes > MAX_BYTES ? 0 : this.#sizeBytes;
    this.#file ??= this.#disk.open(this.#path, { create: true });
    this.#file.write([bytes], position);
    this.#sizeBytes = position + bytes.length;
    this.#file.truncate(this.#sizeBytes);
    this.#hasRemains = false;
    return this.#file;
  }

  /** Whether the indexes, all open, are as they were saved; not without a file that vouches for them. `resumeOffset`: they are
   * wanted up to there only, and what a crash left may stand behind what was saved. */
  agree(resumeOffset?: number): boolean {
    if (!this.#disk.exists(this.#path)) return false;
    const text = Buffer.from(this.#disk.readFile(this.#path)).toString("latin1");
    const all = decodeIndexCrcs(text);
    if (resumeOffset === undefined) {
      const last = all.at(-1);
      return last?.endPosition === text.length && this.#areAs(last, false);
    }
    const found = all.findLast((saved) => saved.offset >= resumeOffset && this.#areAs(saved, true));
    this.#sizeBytes = found?.endPosition ?? 0;
    this.#hasRemains = text.length > this.#sizeBytes;
    return found !== undefined;
  }

  #areAs({ checksums }: SavedIndexes, mayBeLonger: boolean): boolean {
    if (checksums.length !== this.#indexes.length) return false;
    return this.#indexes.every((index, i) => index.isAs(checksums[i] as Checksum, mayBeLonger));
  }

  moveTo(path: string): void {
    this.#disk.rename(this.#path, path);
    this.#path = path;
  }

  closeFile(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}

function encodeIndexCrcs({ offset, checksums }: Omit<SavedIndexes, "endPosition">): string {
  const lines = checksums.map(({ sizeBytes, crc }) => `${sizeBytes} ${crc.toString(16).padStart(8, "0")}\n`);
  return `${offset} ${crcOf(`${offset}`)}\n${lines.join("")}`;
}

/** What `encodeIndexCrcs` made, one time after the other, up to where it did not. */
export function decodeIndexCrcs(text: string): SavedIndexes[] {
  const found: SavedIndexes[] = [];
  let endPosition = 0;
  for (const [block] of text.matchAll(/(?:\d+ [0-9a-f]{8}\n){4}/gy)) {
    const [first, ...others] = [...block.matchAll(/^(\d+) ([0-9a-f]{8})$/gm)];
    const checksums = others.map(([, sizeBytes, crc]) => ({
      sizeBytes: Number(sizeBytes),
      crc: Number.parseInt(crc as string, 16),
    }));
    const offset = Number(first?.[1]);
    if (encodeIndexCrcs({ offset, checksums }) !== block) break;
    endPosition += block.length;
    found.push({ offset, checksums, endPosition });
  }
  return found;
}

export function crcOfMemory(bytes: Uint8Array): number {
  return crc32c(bytes) >>> 0;
}

/** Of a file's first bytes; undefined when there are not so many. */
export function crcOfFile(file: DiskFile, sizeBytes: number): number | undefined {
  if (file.size() < sizeBytes) return undefined;
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes));
  let crc = 0;
  for (let at = 0; at < sizeBytes; ) {
    const count = file.read(chunk, 0, Math.min(chunk.length, sizeBytes - at), at);
    if (count === 0) return undefined;
    crc = crc32c(chunk.subarray(0, count), crc);
    at += count;
  }
  return crc >>> 0;
}
