/**
 * Where workers keep their state: `<stateDir>/<applicationId>/`, with a folder for each task and one for each worker. Any
 * number of workers of a machine share it: every folder is locked by the one that uses it, and free again when that dies.
 */
import { type Disk, DiskError, type FolderLock } from "../../platform/disk.ts";
import { type Random, randomUuid } from "../../platform/random.ts";
import { parseTaskName, type TaskId, taskName } from "../tasks/task-id.ts";

const WORKERS = "workers";
const ID_PATTERN = /^[0-9a-f]{32}$/;

/** A worker's name, the same each time that it takes the same place: its next life fences the last one by it. */
export interface WorkerPlace {
  readonly id: string;
  release(): void;
}

export interface TaskFolder {
  readonly path: string;
  release(): void;
}

export class StateDirectory {
  readonly #root: string;
  readonly #disk: Disk;
  readonly #random: Random;

  constructor(stateDir: string, applicationId: string, disk: Disk, random: Random) {
    this.#root = `${stateDir}/${applicationId}`;
    this.#disk = disk;
    this.#random = random;
  }

  /** Takes the first place that no living worker holds. */
  takePlace(): WorkerPlace {
    for (let number = 0; ; number++) {
      const folder = `${this.#root}/${WORKERS}/${number}`;
      const lock = this.#tryLock(folder);
      if (lock) return { id: this.#idIn(folder), release: () => lock.release() };
    }
  }

  /** Undefined while another worker holds the task's folder. */
  takeTask(id: TaskId): TaskFolder | undefined {
    const path = `${this.#root}/${taskName(id)}`;
    const lock = this.#tryLock(path);
    return lock && { path, release: () => lock.release() };
  }

  /** Tasks that have a folder, whoever uses it. */
  localTasks(): TaskId[] {
    if (!this.#disk.exists(this.#root)) return [];
    return this.#disk
      .list(this.#root)
      .filter((name) => name.endsWith("/"))
      .map((name) => parseTaskName(name.slice(0, -1)))
      .filter((id) => id !== undefined);
  }

  #tryLock(folder: string): FolderLock | undefined {
    this.#disk.makeFolder(folder);
    try {
      return this.#disk.lock(folder);
    } catch (error) {
      if (error instanceof DiskError && error.code === "LOCKED") return undefined;
      throw error;
    }
  }

  #idIn(folder: string): string {
    const path = `${folder}/id`;
    const stored = this.#disk.exists(path) ? Buffer.from(this.#disk.readFile(path)).toString() : "";
    if (ID_PATTERN.test(stored)) return stored;
    const id = newWorkerId(this.#random);
    const file = this.#disk.open(path, { create: true });
    file.truncate(0);
    file.write([Buffer.from(id)], 0);
    file.close();
    return id;
  }
}

export function newWorkerId(random: Random): string {
  return Buffer.from(randomUuid(random)).toString("hex");
}
