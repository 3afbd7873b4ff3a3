import { type Disk, DiskError, type DiskFile, type FolderLock } from "./disk.ts";
import { type CrashingDisk, type DiskNode, FileNode, FolderNode } from "./memory-disk-nodes.ts";
import type { Random } from "./random.ts";

/** Files in memory, gone with the process. */
export class MemoryDisk implements Disk {
  readonly #crashing: CrashingDisk | undefined;
  #root: FolderNode;
  readonly #locked = new Set<string>();
  readonly #now: () => number | undefined;

  /**
   * `canCrash` (default false): also keeps what `afterCrash` needs, removed files among it. `whileSyncing` (default: no time):
   * how long each sync of such a disk takes; a sync fails when it rejects. `now`: the clock for the times of files, which are
   * not known otherwise.
   */
  constructor(
    options: {
      readonly canCrash?: boolean;
      readonly whileSyncing?: () => Promise<void>;
      readonly now?: () => number;
    } = {},
  ) {
    const { canCrash = false, whileSyncing = () => Promise.resolve(), now = () => undefined } = options;
    this.#now = now;
    this.#crashing = canCrash ? { whileSyncing } : undefined;
    this.#root = new FolderNode(this.#crashing);
  }

  /**
   * The disk that a machine finds after a power loss at this moment; this one, and files open on it, are not touched.
   * What was synced is there. Of what was written since, any part may be: files end at any byte, lack sectors in between,
   * and created, renamed and removed names are as before or after, until their folder is synced.
   */
  afterCrash(random: Random): MemoryDisk {
    const crashing = this.#crashing;
    if (!crashing) throw new Error("this MemoryDisk was not made to crash: pass { canCrash: true }");
    const disk = new MemoryDisk({ canCrash: true, ...crashing });
    disk.#root = this.#root.afterCrash(random, crashing);
    return disk;
  }

  open(path: string, options?: { readonly create?: boolean }): DiskFile {
    const { folder, name } = this.#locate(path);
    let node = folder.entries.get(name);
    if (!node && options?.create) {
      node = new FileNode(this.#crashing);
      folder.edit(new Map([[name, node]]));
    }
    return new MemoryFile(path, asFile(node, path), this.#now);
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  readFile(path: string): Uint8Array {
    const file = asFile(this.#find(path), path);
    const bytes = Buffer.allocUnsafe(file.size);
    file.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  list(path: string): string[] {
    const entries = [...this.#folder(path).entries];
    return entries.map(([name, node]) => (node instanceof FolderNode ? `${name}/` : name)).sort();
  }

  makeFolder(path: string): void {
    let folder = this.#root;
    for (const name of namesIn(path)) {
      let node = folder.entries.get(name);
      if (!node) {
        node = new FolderNode(this.#crashing);
        folder.edit(new Map([[name, node]]));
      }
      if (!(node instanceof FolderNode)) throw failure("EEXIST", path, "a file is in the way");
      folder = node;
    }
  }

  remove(path: string): void {
    if (!this.exists(path)) return;
    const { folder, name } = this.#locate(path);
    folder.edit(new Map([[name, undefined]]));
  }

  /** In one step also after a crash, as long as the folder is the same. */
  rename(from: string, to: string): void {
    const source = this.#locate(from);
    const target = this.#locate(to);
    const node = source.folder.entries.get(source.name);
    if (!node) throw missing(from);
    const replaced = target.folder.entries.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof FolderNode) throw failure("ENOTEMPTY", to, "a folder is in the way");
    if (source.folder === target.folder) {
      const edit: [string, DiskNode | undefined][] = [
        [source.name, undefined],
        [target.name, node],
      ];
      source.folder.edit(new Map(edit));
    } else {
      target.folder.edit(new Map([[target.name, node]]));
      source.folder.edit(new Map([[source.name, undefined]]));
    }
  }

  async syncFolder(path: string): Promise<void> {
    await this.#folder(path).sync();
  }

  lock(path: string): FolderLock {
    this.#folder(path);
    const key = namesIn(path).join("/");
    if (this.#locked.has(key)) throw failure("LOCKED", path, "in use by another holder");
    this.#locked.add(key);
    return { release: () => void this.#locked.delete(key) };
  }

  #find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const name of namesIn(path)) node = node instanceof FolderNode ? node.entries.get(name) : undefined;
    return node;
  }

  #folder(path: string): FolderNode {
    const node = this.#find(path);
    if (!node) throw missing(path);
    if (node instanceof FileNode) throw failure("ENOTDIR", path, "not a folder");
    return node;
  }

  /** The folder that holds, or is to hold, what `path` names. */
  #locate(path: string): { readonly folder: FolderNode; readonly name: string } {
    const names = namesIn(path);
    const name = names.pop();
    if (name === undefined) throw failure("EISDIR", path, "the root folder");
    return { folder: this.#folder(names.join("/")), name };
  }
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #now: () => number | undefined;
  #node: FileNode | undefined;

  constructor(path: string, node: FileNode, now: () => number | undefined) {
    this.path = path;
    this.#node = node;
    this.#now = now;
  }

  size(): number {
    return this.#open().size;
  }

  modifiedAtMs(): number | undefined {
    return this.#open().modifiedAtMs;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.#open().read(target, targetOffset, length, position);
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    const node = this.#open();
    node.modifiedAtMs = this.#now();
    let at = position;
    for (const chunk of chunks) {
      node.write(chunk, at);
      at += chunk.length;
    }
  }

  async sync(): Promise<void> {
    await this.#open().sync();
  }

  truncate(size: number): void {
    const node = this.#open();
    node.modifiedAtMs = this.#now();
    node.resize(size);
  }

  close(): void {
    this.#open();
    this.#node = undefined;
  }

  #open(): FileNode {
    if (!this.#node) throw failure("EBADF", this.path, "the file was closed");
    return this.#node;
  }
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function asFile(node: DiskNode | undefined, path: string): FileNode {
  if (!node) throw missing(path);
  if (node instanceof FolderNode) throw failure("EISDIR", path, "a folder, not a file");
  return node;
}

function missing(path: string): DiskError {
  return failure("ENOENT", path, "no such file or folder");
}

function failure(code: string, path: string, message: string): DiskError {
  return new DiskError(code, path, `${path}: ${code}: ${message}`);
}
