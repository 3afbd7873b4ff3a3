import type { Disk } from "../platform/disk.ts";

/** Puts `bytes` under `folder/name` in one step: after a crash either the old or the new file is there, whole. The folder
 * is to be synced before anything may rest on the new one. */
export async function replaceFile(disk: Disk, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${folder}/${name}.tmp`;
  disk.remove(temporary);
  const file = disk.open(temporary, { create: true });
  try {
    file.write([bytes], 0);
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, `${folder}/${name}`);
}
