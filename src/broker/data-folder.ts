/** The folder that holds everything a broker keeps. */
import { type Disk, DiskError, type FolderLock } from "../platform/disk.ts";
import { BrokerError } from "./broker-error.ts";

/** Makes the folder when it is missing, and takes it for this broker alone. Rejects with a BrokerError. */
export async function takeDataFolder(disk: Disk, folder: string): Promise<FolderLock> {
  try {
    await makeFolder(disk, folder);
    return disk.lock(folder);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === "LOCKED") {
      throw new BrokerError("DATA_DIR_IN_USE", `the data folder ${folder} is in use by another broker`, {
        cause: error,
      });
    }
    throw new BrokerError("DATA_DIR_UNUSABLE", `the data folder cannot be used: ${error.message}`, { cause: error });
  }
}

/** A power loss must not take the folder away again with all that is in it. */
async function makeFolder(disk: Disk, folder: string): Promise<void> {
  const isNew = !disk.exists(folder);
  const parent = parentOf(folder);
  if (isNew) await makeFolder(disk, parent);
  disk.makeFolder(folder);
  if (isNew) await disk.syncFolder(parent);
}

function parentOf(folder: string): string {
  const slash = folder.replace(/\/+$/, "").lastIndexOf("/");
  return slash < 0 ? "." : folder.slice(0, Math.max(slash, 1));
}
