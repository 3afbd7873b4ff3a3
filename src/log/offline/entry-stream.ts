import type { ReadDisk } from "./start-view.ts";

const CHUNK_BYTES = 64 * 1024;

export interface FileEntry {
  /** The entry's bytes are at `at`; valid until the next one is asked for. */
  readonly buffer: Buffer;
  readonly at: number;
  /** In the file. */
  readonly position: number;
}

/** The fixed-size entries of an index file, from the first to the last, with little memory. */
export function* entriesOf(disk: ReadDisk, path: string, entryBytes: number): Generator<FileEntry, void, undefined> {
  const file = disk.open(path, { readOnly: true });
  try {
    const sizeBytes = file.size();
    const chunk = Buffer.alloc(CHUNK_BYTES - (CHUNK_BYTES % entryBytes));
    for (let start = 0; start + entryBytes <= sizeBytes; start += chunk.length) {
      const length = file.read(chunk, 0, chunk.length, start);
      for (let at = 0; at + entryBytes <= length; at += entryBytes) yield { buffer: chunk, at, position: start + at };
    }
  } finally {
    file.close();
  }
}
