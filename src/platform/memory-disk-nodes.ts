/** The files and folders of a MemoryDisk, and what a power loss leaves of them. */
import { PagedBytes } from "./memory-disk-bytes.ts";
import { type Random, randomInt } from "./random.ts";

export type DiskNode = FileNode | FolderNode;

const SECTOR_BYTES = 512;
const HEADER_BYTES = 20;

/** Where a file's bytes changed. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const NOWHERE: Range = { from: Number.POSITIVE_INFINITY, to: 0 };

/** A sync that is under way or has failed. */
interface PendingSync {
  /** What it is to cover, or was, and was not changed since. */
  ranges: readonly Range[];
  hasFailed: boolean;
}

/** What a disk does that can lose power. */
export interface CrashingDisk {
  /** How long a sync takes; rejects when it fails. */
  whileSyncing(): Promise<void>;
}

export class FileNode {
  modifiedAtMs: number | undefined;
  readonly #bytes = new PagedBytes();
  /** What is sure to survive a power loss; undefined on a disk that never has one. */
  readonly #durable: PagedBytes | undefined;
  readonly #disk: CrashingDisk | undefined;
  #unsynced = NOWHERE;
  readonly #pending = new Set<PendingSync>();
  #lastSync: Promise<void> = Promise.resolve();

  /** `disk`: undefined for one that never loses power. */
  constructor(disk: CrashingDisk | undefined) {
    this.#disk = disk;
    this.#durable = disk && new PagedBytes();
  }

  get size(): number {
    return this.#bytes.size;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.#bytes.read(target, targetOffset, length, position);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#noteChange(Math.min(position, this.size), position + bytes.length);
    this.#bytes.write(bytes, position);
  }

  resize(size: number): void {
    this.#noteChange(Math.min(size, this.size), Math.max(size, this.size));
    this.#bytes.resize(size);
  }

  /** Makes durable what was written before the call, and not before it resolves. Until then a power loss leaves any part of it;
   * after a failure, too, until it is written once more and synced: as in a page cache whose pages count as written. */
  sync(): Promise<void> {
    const durable = this.#durable;
    const disk = this.#disk;
    if (!durable || !disk) return Promise.resolve();
    const range = this.#unsynced;
    const { size } = this;
    const bytes = this.#bytes.slice(range.from, range.to);
    this.#unsynced = NOWHERE;
    const pending: PendingSync = { ranges: range.from < range.to ? [range] : [], hasFailed: false };
    this.#pending.add(pending);
    const earlier = this.#lastSync;
    const done = disk.whileSyncing().then(async () => {
      await earlier;
      this.#pending.delete(pending);
      durable.resize(size);
      for (const { from, to } of this.#withoutLost(range.from, bytes.length)) {
        durable.write(bytes.subarray(from - range.from, to - range.from), from);
      }
    });
    this.#lastSync = done.catch(() => {
      pending.hasFailed = true;
    });
    return done;
  }

  /** What no failed sync took with it. */
  #withoutLost(from: number, length: number): readonly Range[] {
    const lost = [...this.#pending].flatMap(({ ranges, hasFailed }) => (hasFailed ? ranges : []));
    return length === 0 ? [] : lost.reduce<readonly Range[]>(without, [{ from, to: from + length }]);
  }

  afterCrash(random: Random, disk: CrashingDisk): FileNode {
    const durable = (this.#durable as PagedBytes).slice(0, Number.POSITIVE_INFINITY);
    const current = this.#bytes.slice(0, Number.POSITIVE_INFINITY);
    const changed = [...this.#pending].flatMap(({ ranges }) => ranges).reduce(union, this.#unsynced);
    const left = remains(durable, current, changed, random);
    const node = new FileNode(disk);
    node.#bytes.write(left, 0);
    node.#durable?.write(left, 0);
    return node;
  }

  #noteChange(from: number, to: number): void {
    if (!this.#durable) return;
    this.#unsynced = union(this.#unsynced, { from, to });
    for (const pending of this.#pending) pending.ranges = without(pending.ranges, { from, to });
  }
}

/** A file's bytes after a power loss: of what was not synced all is there, or nothing, or all with a bit that is wrong, or a
 * part that ends anywhere, or some sectors and not others. */
function remains(durable: Buffer, current: Buffer, { from, to }: Range, random: Random): Buffer {
  const kind = randomInt(random, 5);
  if (kind === 0 || to === 0) return durable;
  if (kind === 1) return current;
  if (kind === 2) return withFlippedBit(current, from, Math.min(to, current.length), random);
  const bytes = Buffer.alloc(Math.max(durable.length, current.length));
  durable.copy(bytes);
  const anySize = between(random, durable.length, current.length);
  if (kind === 3) {
    const end = between(random, from, to);
    current.copy(bytes, from, from, end);
    return bytes.subarray(0, current.length > durable.length ? Math.max(durable.length, end) : anySize);
  }
  const end = Math.min(to, current.length);
  for (let start = from; start < end; start = nextSector(start)) {
    if (randomInt(random, 2) === 0) current.copy(bytes, start, start, Math.min(nextSector(start), end));
  }
  return bytes.subarray(0, anySize);
}

/** Half of the time among the first bytes: there stand headers, which checksums may not cover. */
function withFlippedBit(bytes: Buffer, from: number, to: number, random: Random): Buffer {
  if (from >= to) return bytes;
  const at = from + randomInt(random, randomInt(random, 2) === 0 ? Math.min(HEADER_BYTES, to - from) : to - from);
  bytes[at] = (bytes[at] as number) ^ (1 << randomInt(random, 8));
  return bytes;
}

function nextSector(position: number): number {
  return (Math.floor(position / SECTOR_BYTES) + 1) * SECTOR_BYTES;
}

function between(random: Random, a: number, b: number): number {
  return Math.min(a, b) + randomInt(random, Math.abs(a - b) + 1);
}

function union(a: Range, b: Range): Range {
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

function without(ranges: readonly Range[], { from, to }: Range): readonly Range[] {
  const parts = ranges.flatMap((range) => [
    { from: range.from, to: Math.min(range.to, from) },
    { from: Math.max(range.from, to), to: range.to },
  ]);
  return parts.filter((part) => part.from < part.to);
}

/** Names set or removed in one step. */
type Edit = ReadonlyMap<string, DiskNode | undefined>;

export class FolderNode {
  readonly #entries = new Map<string, DiskNode>();
  /** The entries that are sure to survive a power loss; undefined on a disk that never has one. */
  readonly #durable: Map<string, DiskNode> | undefined;
  readonly #disk: CrashingDisk | undefined;
  readonly #unsynced = new Set<Edit>();

  /** `disk`: undefined for one that never loses power. */
  constructor(disk: CrashingDisk | undefined) {
    this.#disk = disk;
    this.#durable = disk && new Map();
  }

  get entries(): ReadonlyMap<string, DiskNode> {
    return this.#entries;
  }

  edit(edit: Edit): void {
    applyEdit(this.#entries, edit);
    if (this.#durable) this.#unsynced.add(edit);
  }

  /** Makes durable what was changed before the call, and not before it resolves. */
  async sync(): Promise<void> {
    const durable = this.#durable;
    if (!durable) return;
    const edits = [...this.#unsynced];
    await this.#disk?.whileSyncing();
    for (const edit of edits) if (this.#unsynced.delete(edit)) applyEdit(durable, edit);
  }

  /** Of what was not synced, each step is there or not. */
  afterCrash(random: Random, disk: CrashingDisk): FolderNode {
    const left = new Map(this.#durable);
    for (const edit of this.#unsynced) if (randomInt(random, 2) === 0) applyEdit(left, edit);
    const folder = new FolderNode(disk);
    for (const [name, node] of left) {
      const survivor = node.afterCrash(random, disk);
      folder.#entries.set(name, survivor);
      folder.#durable?.set(name, survivor);
    }
    return folder;
  }
}

function applyEdit(entries: Map<string, DiskNode>, edit: Edit): void {
  for (const [name, node] of edit) {
    if (node) entries.set(name, node);
    else entries.delete(name);
  }
}
