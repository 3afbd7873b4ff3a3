/** A machine's disk: what survives its processes, and what of it survives a power loss. Faults come in from outside. */

import { FAILED_SYNC_FILE } from "../../src/log/segment-files.ts";
import type { Dice } from "../../src/platform/dice.ts";
import { type Disk, DiskError, type DiskFile, type FolderLock } from "../../src/platform/disk.ts";
import { MemoryDisk } from "../../src/platform/memory-disk.ts";
import type { Random } from "../../src/platform/random.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

export interface DiskConditions {
  syncMsMin: number;
  syncMsMax: number;
  /** No sync that begins ends before this simulated time. */
  hangsUntilMs: number;
  /** Larger writes fail with ENOSPC, or halfway: a disk that is nearly full has room for small ones for some time. */
  roomBytes: number;
  /** How likely they do: others on the disk write and remove, too. */
  fullProbability: number;
  /** So many of the next syncs, writes and reads fail with EIO. */
  failingSyncs: number;
  failingWrites: number;
  failingReads: number;
  /** The process is killed in the middle of the write that comes after so many others; 0: it is not. */
  writesUntilKill: number;
}

export const calmDisk: Readonly<DiskConditions> = {
  syncMsMin: 0.2,
  syncMsMax: 4,
  hangsUntilMs: 0,
  roomBytes: Number.POSITIVE_INFINITY,
  fullProbability: 1,
  failingSyncs: 0,
  failingWrites: 0,
  failingReads: 0,
  writesUntilKill: 0,
};

export class SimulatedDisk {
  readonly conditions: DiskConditions;
  readonly #host: string;
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #trace: Trace | undefined;
  #platter: MemoryDisk;
  /** Folders in which a sync fails, until a file there tells of it. */
  readonly #untold = new Set<string>();

  constructor(host: string, scheduler: Scheduler, dice: Dice, trace: Trace | undefined) {
    this.#host = host;
    this.#scheduler = scheduler;
    this.#dice = dice;
    this.#trace = trace;
    this.conditions = { ...calmDisk };
    this.#platter = new MemoryDisk({ canCrash: true, whileSyncing: () => this.#whileSyncing() });
  }

  /** As it is now, page cache included: for those who look at it from outside of the world. */
  get contents(): Disk {
    return this.#platter;
  }

  /** A sync fails: the page cache may hold what the disk never will, and later syncs say nothing of it. Where no process has left
   * word of it, as it was killed before or the sync was of something else, only a reboot shows what is there. */
  get needsReboot(): boolean {
    return this.#untold.size > 0;
  }

  /** Everything that was not synced is lost, or not, or in part. */
  losePower(random: Random): void {
    this.#platter = this.#platter.afterCrash(random);
    this.#untold.clear();
  }

  /** The disk as one process sees it. */
  portFor(life: Life, killProcess: () => void): Disk {
    return new DiskPort(this.#platter, life, {
      conditions: this.conditions,
      dice: this.#dice,
      killProcess,
      note: (what) => this.#trace?.note(this.#host, what),
      sync: (folder, begin) => this.#sync(folder, begin),
      failureTold: (folder) => void this.#untold.delete(folder),
    });
  }

  #sync(folder: string, begin: () => Promise<void>): Promise<void> {
    const { failingSyncs } = this.conditions;
    const done = begin();
    // From now on: a process that is killed meanwhile is not told, and its next life could not know.
    const isTold = this.#platter.exists(`${folder}/${FAILED_SYNC_FILE}`);
    if (this.conditions.failingSyncs < failingSyncs && !isTold) this.#untold.add(folder);
    return done;
  }

  #whileSyncing(): Promise<void> {
    const { conditions } = this;
    const hangMs = conditions.hangsUntilMs - this.#scheduler.nowMs;
    const durationMs = Math.max(this.#dice.between(conditions.syncMsMin, conditions.syncMsMax), hangMs);
    const isFailing = conditions.failingSyncs > 0;
    if (isFailing) conditions.failingSyncs--;
    return new Promise((resolve, reject) => {
      this.#scheduler.schedule(durationMs, () => {
        if (isFailing) reject(failure("EIO", this.#host, "sync failed"));
        else resolve();
      });
    });
  }
}

interface Surroundings {
  readonly conditions: DiskConditions;
  readonly dice: Dice;
  readonly killProcess: () => void;
  readonly note: (what: string) => void;
  /** Begins a sync of something in a folder. */
  readonly sync: (folder: string, begin: () => Promise<void>) => Promise<void>;
  /** A file in the folder tells the next life of the syncs that have failed. */
  readonly failureTold: (folder: string) => void;
}

/** A dead process changes nothing any more. */
class DiskPort implements Disk {
  readonly #disk: MemoryDisk;
  readonly #life: Life;
  readonly #around: Surroundings;

  constructor(disk: MemoryDisk, life: Life, around: Surroundings) {
    this.#disk = disk;
    this.#life = life;
    this.#around = around;
  }

  open(path: string, options?: { readonly create?: boolean }): DiskFile {
    const isNew = options?.create === true && !this.#disk.exists(path);
    if (isNew) {
      // What a dead process makes goes nowhere.
      if (!this.#life.step()) return new MemoryDisk().open("nowhere", { create: true });
      if (this.#around.conditions.roomBytes === 0 && this.#around.dice.chance(0.5))
        throw failure("ENOSPC", path, "no space left");
      this.#around.note(`disk create ${path}`);
    }
    if (options?.create && path.endsWith(`/${FAILED_SYNC_FILE}`)) this.#around.failureTold(folderOf(path));
    return new FilePort(this.#disk.open(path, options), this.#life, this.#around);
  }

  exists(path: string): boolean {
    return this.#disk.exists(path);
  }

  readFile(path: string): Uint8Array {
    throwReadFault(path, this.#around.conditions);
    return this.#disk.readFile(path);
  }

  list(path: string): string[] {
    return this.#isOutOfReach(path) ? [] : this.#disk.list(path);
  }

  makeFolder(path: string): void {
    if (this.#life.step()) this.#disk.makeFolder(path);
  }

  remove(path: string): void {
    if (!this.#life.step()) return;
    this.#around.note(`disk remove ${path}`);
    this.#disk.remove(path);
  }

  rename(from: string, to: string): void {
    if (!this.#life.step()) return;
    this.#around.note(`disk rename ${from} ${to}`);
    this.#disk.rename(from, to);
  }

  syncFolder(path: string): Promise<void> {
    if (!this.#life.step()) return new Promise(() => {});
    this.#around.note(`disk sync ${path}/`);
    return this.#life.hear(this.#around.sync(path, () => this.#disk.syncFolder(path)));
  }

  lock(path: string): FolderLock {
    if (this.#isOutOfReach(path)) return { release: () => {} };
    const lock = this.#disk.lock(path);
    const forget = this.#life.onDeath(() => lock.release());
    return {
      release: () => {
        if (!this.#life.isAlive) return;
        forget();
        lock.release();
      },
    };
  }

  /** The process died while it made that folder: it is not there, and what the dead one makes of that is nobody's concern. */
  #isOutOfReach(path: string): boolean {
    return !this.#life.isAlive && !this.#disk.exists(path);
  }
}

class FilePort implements DiskFile {
  readonly #file: DiskFile;
  readonly #life: Life;
  readonly #around: Surroundings;

  constructor(file: DiskFile, life: Life, around: Surroundings) {
    this.#file = file;
    this.#life = life;
    this.#around = around;
  }

  get path(): string {
    return this.#file.path;
  }

  size(): number {
    return this.#file.size();
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    throwReadFault(this.path, this.#around.conditions);
    return this.#file.read(target, targetOffset, length, position);
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    if (!this.#life.step()) return;
    const { conditions, dice, note } = this.#around;
    if (conditions.writesUntilKill > 0 && --conditions.writesUntilKill === 0) {
      const written = this.#writeSome(chunks, position);
      note(`disk write ${this.path} at ${position}: killed after ${written} bytes`);
      this.#around.killProcess();
      return;
    }
    if (conditions.failingWrites > 0) {
      conditions.failingWrites--;
      throw failure("EIO", this.path, "write failed");
    }
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (sizeBytes > conditions.roomBytes && dice.chance(conditions.fullProbability)) {
      const written = dice.chance(0.5) ? this.#writeSome(chunks, position) : 0;
      note(`disk write ${this.path} at ${position}: full after ${written} bytes`);
      throw failure(written > 0 && dice.chance(0.5) ? "SHORT_WRITE" : "ENOSPC", this.path, "no space left");
    }
    this.#file.write(chunks, position);
    note(`disk write ${this.path} at ${position}: ${sizeBytes} bytes`);
  }

  sync(): Promise<void> {
    if (!this.#life.step()) return new Promise(() => {});
    this.#around.note(`disk sync ${this.path}`);
    return this.#life.hear(this.#around.sync(folderOf(this.path), () => this.#file.sync()));
  }

  truncate(size: number): void {
    if (!this.#life.step()) return;
    this.#around.note(`disk truncate ${this.path} to ${size}`);
    this.#file.truncate(size);
  }

  close(): void {
    this.#file.close();
  }

  #writeSome(chunks: readonly Uint8Array[], position: number): number {
    const bytes = Buffer.concat(chunks);
    const length = this.#around.dice.int(0, bytes.length);
    if (length > 0) this.#file.write([bytes.subarray(0, length)], position);
    return length;
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function throwReadFault(path: string, conditions: DiskConditions): void {
  if (conditions.failingReads === 0) return;
  conditions.failingReads--;
  throw failure("EIO", path, "read failed");
}

function failure(code: string, path: string, message: string): DiskError {
  return new DiskError(code, path, `${path}: ${code}: ${message}`);
}
