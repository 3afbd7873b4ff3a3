import { accessSync, constants, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DiskError, type FolderLock } from "../disk.ts";

/** Folders held by this process: the operating system's file locks do not tell two holders in one process apart. */
const heldHere = new Set<string>();

/**
 * Takes the exclusive hold on a folder through a SQLite database named `.lock` in it. Node has no file locks of its own;
 * SQLite's are the operating system's, so that they end with the process, also after kill -9, and leave nothing stale. They also
 * end when this process closes any descriptor of the file (POSIX), so that nothing here, and nothing that embeds a broker, may
 * open `.lock`, not even to copy it.
 */
export function lockFolder(folder: string): FolderLock {
  const path = `${folder}/.lock`;
  if (heldHere.has(path)) throw locked(folder);
  const database = openLocked(folder, path);
  heldHere.add(path);
  return {
    release(): void {
      heldHere.delete(path);
      database.close();
    },
  };
}

function openLocked(folder: string, path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // A file that cannot be written SQLite opens for reading, and BEGIN EXCLUSIVE then shares it: so something is written. It is
    // never committed, and the file stays empty.
    database.exec(
      "PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1",
    );
    return database;
  } catch (error) {
    database?.close();
    if (/locked|busy/i.test((error as Error).message)) throw locked(folder);
    const reason = refusal(existsSync(path) ? path : folder) ?? (error as Error).message;
    throw new DiskError("LOCK_FAILED", path, `${path}: ${reason}`, { cause: error });
  }
}

/** Why the system lets nobody write there, which SQLite does not tell. Opens nothing. */
function refusal(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function locked(folder: string): DiskError {
  return new DiskError("LOCKED", folder, `${folder} is in use by another process`);
}
