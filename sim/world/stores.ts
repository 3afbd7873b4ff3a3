/** State stores on a simulated machine: they outlive the process, and at a power loss fall back to one of the last commits. */
import { contentsOf, type StoreCommit } from "../../src/cli/verify/check/streams-invariants.ts";
import {
  type ChangelogPosition,
  memoryEngines,
  type StoreEngine,
  type StoreEngines,
  type StoreEntry,
} from "../../src/streams/index.ts";
import type { Process } from "./machine.ts";

interface Snapshot {
  readonly entries: readonly StoreEntry[];
  readonly position: ChangelogPosition;
}

/** So many commits a power loss takes back at most. */
const MAX_LOST_COMMITS = 3;

/** The stores of one machine. */
export class StoreDisk {
  /** As they were made durable: what a later check holds against the changelog. */
  readonly commits: StoreCommit[] = [];
  /** By path: the latest commits, oldest first. */
  readonly #snapshots = new Map<string, Snapshot[]>();

  /** The stores as one process of the machine sees them. `committing` is called before each commit, and may kill it. */
  enginesFor(process: Process, committing: () => void): StoreEngines {
    return {
      persistent: true,
      open: (folder, store) => this.#open(process, `${folder}/${store}`, committing),
      remove: (folder, store) => {
        if (process.life.isAlive) this.#snapshots.delete(`${folder}/${store}`);
      },
    };
  }

  losePower(choose: (count: number) => number): void {
    for (const [path, snapshots] of this.#snapshots) {
      const lost = choose(Math.min(MAX_LOST_COMMITS, snapshots.length) + 1);
      this.#snapshots.set(path, snapshots.slice(0, snapshots.length - lost));
    }
  }

  #open(process: Process, path: string, committing: () => void): StoreEngine {
    const engine = memoryEngines.open("", path);
    const last = this.#snapshots.get(path)?.at(-1);
    if (last) engine.commit(last.entries, last.position);
    return {
      position: () => engine.position(),
      get: (key) => engine.get(key),
      range: (from, to) => engine.range(from, to),
      close: () => engine.close(),
      commit: (changes, position) => {
        committing();
        engine.commit(changes, position);
        if (process.life.isAlive) this.#committed(process.host, path, engine, position);
      },
    };
  }

  #committed(host: string, path: string, engine: StoreEngine, position: ChangelogPosition): void {
    const entries = [...engine.range()];
    const snapshots = this.#snapshots.get(path) ?? [];
    this.#snapshots.set(path, [...snapshots.slice(-MAX_LOST_COMMITS), { entries, position }]);
    this.commits.push({ host, path, position, contents: contentsOf(entries) });
  }
}
