/**
 * Brings the page cache into the same state before each run.
 *
 * On a virtual machine that gives free memory back to its host, a page that the kernel hands out for the first time
 * costs ten times one that was used a moment ago: writing a fresh 1 GiB file ran at 0.5 GB/s, a second time at 4.3. The
 * files of a topic that was deleted are such free memory two seconds later. So most of what is free is filled with the
 * pages of a sparse file, which the kernel takes back cheaply, and the little that remains is used once just before a run.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../test/interop/toolchain.ts";

const MIB = 2 ** 20;
/** More than a run writes. */
const LEFT_FREE_MIB = 1536;
const BALLAST_BYTES = 8 * 2 ** 40;

export class PageCache {
  readonly #folder: string;
  readonly #fills: boolean;
  readonly #chunk = Buffer.alloc(MIB, 1);
  #position = 0;

  /** With `fills` all free memory of the machine is used: not for a machine that is shared. */
  constructor(folder: string, fills: boolean) {
    this.#folder = folder;
    this.#fills = fills;
  }

  /** Before a run: nothing waits to be written, and memory for new pages is warm. */
  async settle(): Promise<void> {
    await run("sync", []);
    if (this.#fills) this.#fill();
    this.#warm();
  }

  /** Forgets what is cached of files. */
  async evict(files: readonly string[]): Promise<void> {
    await run("sync", []);
    for (const file of files) {
      const { code, stderr } = await run("dd", [`if=${file}`, "iflag=nocache", "count=0"]);
      if (code !== 0) throw new Error(`dd could not drop the cache of ${file}: ${stderr}`);
    }
  }

  #fill(): void {
    const path = join(this.#folder, "ballast");
    const file = openSync(path, "a+");
    ftruncateSync(file, BALLAST_BYTES);
    // Pages that were read longest ago are given up first, so each is read once and the next ones are new. Some kernels
    // give idle pages back as fast as they are filled: what was free at the beginning is enough.
    for (let left = freeMib(); left > 0 && freeMib() > LEFT_FREE_MIB + 64; left -= 64) {
      for (let i = 0; i < 64; i++, this.#position += MIB) readSync(file, this.#chunk, 0, MIB, this.#position);
    }
    closeSync(file);
  }

  #warm(): void {
    const path = join(this.#folder, "warm");
    const file = openSync(path, "w");
    for (let i = 0; i < LEFT_FREE_MIB; i++) writeSync(file, this.#chunk);
    closeSync(file);
    rmSync(path);
  }
}

function freeMib(): number {
  if (!existsSync("/proc/meminfo")) return 0;
  return Number(/MemFree:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) / 1024;
}
