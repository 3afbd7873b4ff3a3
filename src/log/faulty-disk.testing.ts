import { DiskError, type DiskFile } from "../platform/disk.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";

export type Operation = "write" | "sync" | "syncFolder" | "read" | "create" | "open" | "close" | "remove";

/** Fails with `code` at the operations on paths that `fails` names. A failed write may have written a part. */
export class FaultyDisk extends MemoryDisk {
  code = "EIO";
  /** Files that were opened and not closed. */
  openCount = 0;
  fails: (operation: Operation, path: string) => boolean = () => false;

  override open(path: string, options?: { readonly create?: boolean }): DiskFile {
    this.check(options?.create && !this.exists(path) ? "create" : "open", path);
    const file = super.open(path, options);
    this.openCount++;
    return {
      path,
      size: () => file.size(),
      read: (target, targetOffset, length, position) => {
        this.check("read", path);
        return file.read(target, targetOffset, length, position);
      },
      write: (chunks, position) => {
        const bytes = Buffer.concat(chunks);
        if (this.fails("write", path)) file.write([bytes.subarray(0, bytes.length / 2)], position);
        this.check("write", path);
        file.write(chunks, position);
      },
      sync: () => this.sync(file),
      truncate: (size) => file.truncate(size),
      close: () => {
        this.openCount--;
        file.close();
        this.check("close", path);
      },
    };
  }

  async sync(file: DiskFile): Promise<void> {
    await file.sync();
    this.check("sync", file.path);
  }

  override remove(path: string): void {
    this.check("remove", path);
    super.remove(path);
  }

  override async syncFolder(path: string): Promise<void> {
    await super.syncFolder(path);
    this.check("syncFolder", path);
  }

  check(operation: Operation, path: string): void {
    if (this.fails(operation, path)) throw new DiskError(this.code, path, `${path}: ${this.code}, ${operation}`);
  }
}
