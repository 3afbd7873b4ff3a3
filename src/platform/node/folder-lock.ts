import { DatabaseSync } from "node:sqlite";
import { DiskError, type FolderLock } from "../disk.ts";

/** Folders held by this process: the operating system's file locks do not tell two holders in one process apart. */
const heldHere = new Set<string>();

/**
 * Takes the exclusive hold on a folder through a SQLite database named `.lock` in it. Node has no file locks of its own;
 * SQLite's are the operating system's, so that they end with the process, also after kill -9, and leave nothing stale.
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
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    if (/locked|busy/i.test((error as Error).message)) throw locked(folder);
    throw new DiskError("LOCK_FAILED", path, `${path}: ${(error as Error).message}`, { cause: error });
  }
}

function locked(folder: string): DiskError {
  return new DiskError("LOCKED", folder, `${folder} is in use by another process`);
}
