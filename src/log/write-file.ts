import type { Clock } from "../platform/clock.ts";
import { type Disk, DiskError } from "../platform/disk.ts";

/** So much is copied in one turn of the event loop. */
const COPY_BYTES = 1024 * 1024;

/** Puts `bytes` under `folder/name` in one step: after a crash either the old or the new file is there, whole. The folder
 * is to be synced before anything may rest on the new one. */
export async function replaceFile(disk: Disk, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${folder}/${name}.tmp`;
  disk.remove(temporary);
  await writeFile(disk, temporary, bytes);
  disk.rename(temporary, `${folder}/${name}`);
}

/** Makes a file, and resolves when its bytes are durable; its name is not. */
async function writeFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = disk.open(path, { create: true });
  try {
    file.write([bytes], 0);
    await file.sync();
  } finally {
    file.close();
  }
}

interface Place {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
}

/** Puts a copy of a file, with durable bytes, in its place. None must be there yet. */
export async function renewFile(place: Place, name: string): Promise<void> {
  const { disk, folder } = place;
  const path = `${folder}/${name}`;
  const temporary = `${path}.tmp`;
  try {
    await copyFile(place, path, temporary);
  } catch (error) {
    // It may have taken the last room that there was.
    disk.remove(temporary);
    throw error;
  }
  disk.rename(temporary, path);
}

/** Takes no room where there is not enough: others need it. */
async function copyFile({ disk, clock, folder }: Place, from: string, to: string): Promise<void> {
  const chunk = Buffer.alloc(COPY_BYTES);
  const source = disk.open(from);
  try {
    const room = disk.volume?.(folder).usableBytes ?? Number.POSITIVE_INFINITY;
    if (room < source.size()) throw new DiskError("ENOSPC", to, `${to}: ENOSPC: no room for a copy of ${from}`);
    const copy = disk.open(to, { create: true });
    try {
      let position = 0;
      for (;;) {
        const count = source.read(chunk, 0, chunk.length, position);
        if (count === 0) break;
        copy.write([chunk.subarray(0, count)], position);
        position += count;
        await new Promise<void>((resolve) => clock.setImmediate(resolve));
      }
      await copy.sync();
    } finally {
      copy.close();
    }
  } finally {
    source.close();
  }
}

const shortages: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  SHORT_WRITE: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file may not grow",
  EMFILE: "the process has too many files open",
  ENFILE: "the system has too many files open",
};

/** What there was not enough of for a write, or to open a file; undefined when it failed for another reason. There may be
 * enough later: nothing is broken, and the file is as it was once it is cut back. */
export function shortageOf(error: unknown): string | undefined {
  return error instanceof DiskError ? shortages[error.code] : undefined;
}

/** It failed before anything was done: there was no descriptor to do it with. */
export function lacksDescriptors(error: unknown): boolean {
  return error instanceof DiskError && (error.code === "EMFILE" || error.code === "ENFILE");
}

/** The file has reached the size that the system lets it have: a limit of the process, or of the file system. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof DiskError && error.code === "EFBIG";
}
