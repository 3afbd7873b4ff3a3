import { type Disk, DiskError } from "../platform/disk.ts";

/** Puts `bytes` under `folder/name` in one step: after a crash either the old or the new file is there, whole. The folder
 * is to be synced before anything may rest on the new one. */
export async function replaceFile(disk: Disk, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${folder}/${name}.tmp`;
  disk.remove(temporary);
  await writeFile(disk, temporary, bytes);
  disk.rename(temporary, `${folder}/${name}`);
}

/** Makes a file, and resolves when its bytes are durable; its name is not. */
export async function writeFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = disk.open(path, { create: true });
  try {
    file.write([bytes], 0);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Whether there was no room for a write. The file is then as it was once it is cut back. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof DiskError && (error.code === "ENOSPC" || error.code === "SHORT_WRITE");
}
