import { DatabaseSync } from "node:sqlite";
import { type ConsumerRecord, type Serde, serdes } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import { ConnectError } from "../errors.ts";
import type { Sink, SinkBatch, SinkOutcome, SinkPartition } from "../sink.ts";
import { OffsetTable } from "./offset-table.ts";
import { placeOf, type RowMapping, rowMapper } from "./rows.ts";
import { type TableOptions, TargetTable } from "./table.ts";

/** How long a call waits for another writer, with the event loop. SQLite looks again every few ms: who comes back only when a retry is due
 * finds a busy writer at work each time. */
const BUSY_TIMEOUT_MS = 100;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

export interface SqliteSinkOptions<K, V> extends TableOptions {
  /** The database file; made when it does not exist. */
  readonly path: string;
  /** Tells the positions of several sinks in one database apart. Default: the table's name. */
  readonly name?: string;
  /** How keys are read. Default: as bytes. */
  readonly key?: Serde<K>;
  readonly value: Serde<V>;
  /** What a record does to the table. */
  readonly row: RowMapping<K, V>;
}

/**
 * Writes rows into SQLite, each record's once: rows and positions are one database transaction.
 *
 * ```ts
 * new SqliteSink({
 *   path: "counts.db",
 *   table: "word_counts",
 *   columns: { word: "TEXT", count: "INTEGER NOT NULL" },
 *   primaryKey: ["word"],
 *   mode: "upsert",
 *   key: serdes.string,
 *   value: serdes.int64,
 *   row: ({ key, value }) => ({ word: key, count: value }),
 * });
 * ```
 */
export class SqliteSink<K = Uint8Array, V = Uint8Array> implements Sink {
  readonly guarantee = "exactly_once";
  readonly #options: SqliteSinkOptions<K, V>;
  readonly #rowOf: ReturnType<typeof rowMapper>;
  #database: DatabaseSync | undefined;
  #offsets: OffsetTable | undefined;
  #table: TargetTable | undefined;

  constructor(options: SqliteSinkOptions<K, V>) {
    this.#options = options;
    const key = options.key ?? (serdes.bytes as unknown as Serde<K>);
    this.#rowOf = rowMapper(key, options.value, options.row);
  }

  open(): void {
    this.#translated(() => {
      const database = new DatabaseSync(this.#options.path, { timeout: BUSY_TIMEOUT_MS });
      this.#database = database;
      // FULL: what was taken stays taken through a power loss, as the position that says so does.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      this.#offsets = new OffsetTable(database, this.#options.name ?? this.#options.table);
      this.#table = new TargetTable(database, this.#options);
    });
  }

  positions(partitions: readonly SinkPartition[]): (number | undefined)[] {
    return this.#translated(() => partitions.map((each) => defined(this.#offsets).nextOffset(each)));
  }

  write(batches: readonly SinkBatch[]): SinkOutcome[] {
    return this.#translated(() => {
      const database = defined(this.#database, "the sink is open");
      database.exec("BEGIN IMMEDIATE");
      try {
        const outcomes = batches.map((batch) => this.#writeBatch(batch));
        database.exec("COMMIT");
        return outcomes;
      } catch (error) {
        // A full disk, say, has ended the transaction already.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #writeBatch(batch: SinkBatch): SinkOutcome {
    const offsets = defined(this.#offsets);
    if (!offsets.compareAndSet(batch)) return { applied: false, nextOffset: defined(offsets.nextOffset(batch)) };
    const table = defined(this.#table);
    for (const record of batch.records) {
      const change = this.#rowOf(record);
      if (change !== null) this.#translated(() => table.apply(change), record);
    }
    return { applied: true };
  }

  #translated<T>(operation: () => T, record?: ConsumerRecord): T {
    try {
      return operation();
    } catch (error) {
      if (error instanceof ConnectError && !record) throw error;
      const code = error instanceof ConnectError ? error.code : "TARGET_FAILED";
      const { message, errcode } = error as Error & { errcode?: number };
      const place = record ? `${placeOf(record)}: ` : "";
      throw new ConnectError(code, `${this.#options.path}: ${place}${message}`, {
        cause: error,
        // Extended codes carry the plain one in their low byte.
        retriable: errcode !== undefined && [SQLITE_BUSY, SQLITE_LOCKED].includes(errcode & 0xff),
      });
    }
  }
}
