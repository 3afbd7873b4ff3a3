/** Contents in SQLite: one database file a store. The one place in streams that touches node:sqlite. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Disk } from "../../platform/disk.ts";
import { StreamsError } from "../errors.ts";
import {
  type ChangelogPosition,
  type StoreChange,
  StoreDamagedError,
  type StoreEngine,
  type StoreEngines,
  type StoreEntry,
} from "./engine.ts";

/** Rows that `range` holds at a time: no cursor stays open between two steps. */
const PAGE_ROWS = 256;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

// WAL with synchronous=NORMAL: a crash of the process loses nothing, a power loss may take back the last commits, whole.
// The changelog replays those.
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    offset INTEGER NOT NULL,
    topic_id TEXT NOT NULL,
    saved_at INTEGER NOT NULL
  );
`;

interface Statements {
  readonly database: DatabaseSync;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly get: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly page: StatementSync;
  readonly boundedPage: StatementSync;
  readonly position: StatementSync;
  readonly setPosition: StatementSync;
}

class SqliteEngine implements StoreEngine {
  readonly #folder: string;
  readonly #store: string;
  readonly #statements: Statements;

  constructor(folder: string, store: string) {
    this.#folder = folder;
    this.#store = store;
    this.#statements = this.#guarded(() => open(pathOf(folder, store)));
  }

  position(): ChangelogPosition | undefined {
    const row = this.#guarded(() => this.#statements.position.get());
    if (!row) return undefined;
    return {
      offset: Number(row.offset),
      topicId: String(row.topic_id),
      savedAt: Number(row.saved_at),
    };
  }

  get(key: Uint8Array): Uint8Array | null {
    const row = this.#guarded(() => this.#statements.get.get(key));
    return row ? (row.value as Uint8Array) : null;
  }

  *range(from: Uint8Array = new Uint8Array(0), to?: Uint8Array): Generator<StoreEntry> {
    let start = from;
    while (true) {
      const rows = this.#page(start, to);
      yield* rows;
      const last = rows.at(-1);
      if (!last || rows.length < PAGE_ROWS) return;
      // The next possible key: the last one with a zero byte behind it.
      start = new Uint8Array(last.key.length + 1);
      start.set(last.key);
    }
  }

  commit(changes: Iterable<StoreChange>, { offset, topicId, savedAt }: ChangelogPosition): void {
    const { begin, commit, rollback, put, remove, setPosition, database } = this.#statements;
    this.#guarded(() => {
      begin.run();
      try {
        for (const { key, value } of changes) {
          if (value === null) remove.run(key);
          else put.run(key, value);
        }
        setPosition.run(offset, topicId, savedAt);
        commit.run();
      } catch (error) {
        // A full disk, say, has ended the transaction already.
        if (database.isTransaction) rollback.run();
        throw error;
      }
    });
  }

  close(): void {
    const { database } = this.#statements;
    if (database.isOpen) database.close();
  }

  #page(start: Uint8Array, to: Uint8Array | undefined): StoreEntry[] {
    const { page, boundedPage } = this.#statements;
    const rows = this.#guarded(() => (to ? boundedPage.all(start, to, PAGE_ROWS) : page.all(start, PAGE_ROWS)));
    return rows.map((row) => ({ key: row.key as Uint8Array, value: row.value as Uint8Array }));
  }

  #guarded<T>(operation: () => T): T {
    try {
      return operation();
    } catch (error) {
      const path = pathOf(this.#folder, this.#store);
      const { message, errcode } = error as Error & { errcode?: number };
      if (isDamage(errcode)) {
        throw new StoreDamagedError(this.#folder, this.#store, `${path}: ${message}`, { cause: error });
      }
      throw new StreamsError("STORE_FAILED", `${path}: ${message}`, { cause: error });
    }
  }
}

/** Extended codes carry the plain one in their low byte. */
function isDamage(errcode = 0): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode & 0xff);
}

function pathOf(folder: string, store: string): string {
  return `${folder}/${store}.sqlite`;
}

function open(path: string): Statements {
  const database = new DatabaseSync(path);
  try {
    database.exec(SCHEMA);
    return prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync): Statements {
  return {
    database,
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollback: database.prepare("ROLLBACK"),
    get: database.prepare("SELECT value FROM entries WHERE key = ?"),
    put: database.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)"),
    remove: database.prepare("DELETE FROM entries WHERE key = ?"),
    page: database.prepare("SELECT key, value FROM entries WHERE key >= ? ORDER BY key LIMIT ?"),
    boundedPage: database.prepare("SELECT key, value FROM entries WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"),
    position: database.prepare("SELECT offset, topic_id, saved_at FROM position"),
    setPosition: database.prepare(
      "INSERT OR REPLACE INTO position (id, offset, topic_id, saved_at) VALUES (0, ?, ?, ?)",
    ),
  };
}

/** Engines in files named `<folder>/<store>.sqlite`. */
export function sqliteEngines(disk: Disk): StoreEngines {
  return {
    persistent: true,
    open: (folder, store) => new SqliteEngine(folder, store),
    remove(folder, store): void {
      for (const suffix of ["", "-wal", "-shm"]) disk.remove(`${pathOf(folder, store)}${suffix}`);
    },
  };
}
