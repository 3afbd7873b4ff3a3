import { cpSync, existsSync, globSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { nodePlatform } from "../../platform/node/index.ts";
import { sqliteEngines } from "../../streams/stores/sqlite-engine.ts";
import { contentsOf, type StoreCommit } from "./check/streams-invariants.ts";

/** What the workers' stores held whenever one of them had died, and at the end. */
export class StoreSnapshots {
  readonly #folder: string;
  readonly #store: string;
  readonly #watched = new Set<string>();
  #count = 0;
  #commits: StoreCommit[] | undefined;

  constructor(folder: string, store: string) {
    this.#folder = folder;
    this.#store = store;
  }

  /** `all` takes a last one of it. */
  watch(stateDir: string): void {
    this.#watched.add(stateDir);
  }

  /** While nobody uses the folder. */
  take(stateDir: string): void {
    if (!existsSync(stateDir)) return;
    cpSync(stateDir, join(this.#folder, `${basename(stateDir)}-${++this.#count}`), { recursive: true });
  }

  /** Once all workers are stopped. */
  all(): StoreCommit[] {
    this.#commits ??= this.#readAll();
    return this.#commits;
  }

  #readAll(): StoreCommit[] {
    for (const stateDir of this.#watched) this.take(stateDir);
    return globSync(`**/${this.#store}.sqlite`, { cwd: this.#folder }).flatMap((path) => this.#read(path));
  }

  /** Copies are opened as a worker would: what a SIGKILL left half done is undone. */
  #read(path: string): StoreCommit[] {
    const folder = dirname(join(this.#folder, path));
    const engine = sqliteEngines(nodePlatform.disk).open(folder, this.#store);
    try {
      const position = engine.position();
      if (!position) return [];
      const host = path.split("/")[0] ?? path;
      return [{ host, path: `${dirname(path)}/${this.#store}`, position, contents: contentsOf(engine.range()) }];
    } finally {
      engine.close();
    }
  }
}
