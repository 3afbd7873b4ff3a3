import type { Disk } from "../../platform/disk.ts";
import { planSwaps, type SwapPlan } from "../compaction/swap.ts";
import { LogCorruptionError } from "../log-corruption-error.ts";
import type { Finding } from "./finding.ts";

/** As much of a disk as a look at it takes. */
export type ReadDisk = Pick<Disk, "open" | "exists" | "readFile" | "list">;

export function sizeOf(disk: ReadDisk, path: string): number {
  const file = disk.open(path, { readOnly: true });
  const sizeBytes = file.size();
  file.close();
  return sizeBytes;
}

/** A log's folder as the next start will have it once it has ended what a crash interrupted. Nothing is changed. */
export class StartView implements ReadDisk {
  readonly #disk: ReadDisk;
  readonly #folder: string;
  readonly #removed: ReadonlySet<string>;
  /** What lies under a path. */
  readonly #renamed: ReadonlyMap<string, string>;

  constructor(disk: ReadDisk, folder: string, onFinding: (finding: Finding) => void) {
    this.#disk = disk;
    this.#folder = folder;
    const plan = planOf(disk, folder, onFinding);
    this.#removed = new Set(plan?.removed.map((name) => `${folder}/${name}`));
    this.#renamed = new Map(plan?.renamed.map(({ from, to }) => [`${folder}/${to}`, `${folder}/${from}`]));
    for (const path of this.#removed)
      onFinding({ path, problem: "left over: the next start removes it", isDamage: false });
    for (const path of this.#renamed.values()) {
      const problem = "of a compaction that was interrupted: the next start finishes it";
      if (path.endsWith(".log.swap")) onFinding({ path, problem, isDamage: false });
    }
  }

  open(path: string): ReturnType<Disk["open"]> {
    return this.#disk.open(this.placeOf(path), { readOnly: true });
  }
  exists(path: string): boolean {
    return this.#renamed.has(path) || (!this.#removed.has(path) && this.#disk.exists(path));
  }
  readFile(path: string): Uint8Array {
    return this.#disk.readFile(this.placeOf(path));
  }
  list(folder: string): string[] {
    const names = this.#disk.list(folder);
    if (folder !== this.#folder) return names;
    const moved = new Set(this.#renamed.values());
    const left = names.filter((name) => !(this.#removed.has(`${folder}/${name}`) || moved.has(`${folder}/${name}`)));
    return [...left, ...[...this.#renamed.keys()].map((path) => path.slice(folder.length + 1))].sort();
  }

  /** Where it lies now. */
  placeOf(path: string): string {
    return this.#renamed.get(path) ?? path;
  }
}

function planOf(disk: ReadDisk, folder: string, onFinding: (finding: Finding) => void): SwapPlan | undefined {
  try {
    return planSwaps(disk, folder);
  } catch (error) {
    if (!(error instanceof LogCorruptionError)) throw error;
    onFinding({ path: error.path, position: error.position, problem: error.problem, isDamage: true });
    return undefined;
  }
}
