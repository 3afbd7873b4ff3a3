import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ConnectError } from "../errors.ts";
import { type Row, RowDeletion, type SqlValue } from "./rows.ts";

/**
 * - "insert": a row for each record.
 * - "upsert": the latest row for each primary key.
 */
export type WriteMode = "insert" | "upsert";

/** Rows that are made of records may have any set of columns. */
const MAX_STATEMENTS = 256;

type Bindable = Exclude<SqlValue, boolean>;

export interface TableOptions {
  readonly table: string;
  readonly mode: WriteMode;
  /** Column names and SQL types, to make the table when it does not exist. */
  readonly columns?: Readonly<Record<string, string>>;
  /** The columns of the primary key. Needed for "upsert". */
  readonly primaryKey?: readonly string[];
}

/** The table that rows are written to. */
export class TargetTable {
  readonly #database: DatabaseSync;
  readonly #options: TableOptions;
  /** One statement for each set of columns, and one for deletions. */
  readonly #statements = new Map<string, StatementSync>();

  /** Makes the table when need be. Throws a ConnectError with code GUARANTEE_IMPOSSIBLE for an upsert without the key, INVALID_ARGUMENT for
   * a mode that is none, TARGET_FAILED where there is no table and no columns are named. */
  constructor(database: DatabaseSync, options: TableOptions) {
    this.#database = database;
    this.#options = options;
    const { mode, table } = options;
    if (mode !== "insert" && mode !== "upsert") {
      throw new ConnectError("INVALID_ARGUMENT", `${table}: mode must be "insert" or "upsert", not ${String(mode)}`);
    }
    if (options.columns) database.exec(createTable(table, options.columns, options.primaryKey));
    else if (!hasTable(database, table))
      throw new ConnectError("TARGET_FAILED", `${table}: there is no such table: make it, or give its "columns"`);
    if (options.mode === "upsert") this.#checkKey();
  }

  apply(change: Row | RowDeletion): void {
    if (change instanceof RowDeletion) this.#delete(change.key);
    else this.#write(change);
  }

  #write(row: Row): void {
    const { mode, table, primaryKey = [] } = this.#options;
    const columns = Object.keys(row);
    if (columns.length === 0) throw new ConnectError("RECORD_FAILED", `${table}: the row has no columns`);
    if (mode === "upsert") for (const column of primaryKey) keyPart(row, column, table);
    const values = columns.map((column) => bindable(row, column, table));
    this.#prepared(JSON.stringify(columns), () => writeSql(this.#options, columns)).run(...values);
  }

  #delete(key: Row): void {
    const { mode, table, primaryKey = [] } = this.#options;
    if (mode !== "upsert") throw new ConnectError("INVALID_ARGUMENT", `${table}: only an upsert can delete rows`);
    const values = primaryKey.map((column) => keyPart(key, column, table));
    const condition = primaryKey.map((column) => `${quoted(column)} = ?`).join(" AND ");
    this.#prepared("delete", () => `DELETE FROM ${quoted(table)} WHERE ${condition}`).run(...values);
  }

  #prepared(name: string, sql: () => string): StatementSync {
    let statement = this.#statements.get(name);
    if (!statement) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(sql());
      this.#statements.set(name, statement);
    }
    return statement;
  }

  /** Without the key in the database itself, an upsert is an insert, and a replayed record a second row. */
  #checkKey(): void {
    const { table, primaryKey = [] } = this.#options;
    const rows = this.#database.prepare(`SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY name`).all(table);
    const found = rows.map(({ name }) => String(name));
    const wanted = [...primaryKey].sort();
    if (wanted.length > 0 && found.join() === wanted.join()) return;
    throw new ConnectError(
      "GUARANTEE_IMPOSSIBLE",
      `${table}: an upsert needs the primary key (${wanted.join(", ") || "none was named"}) in the table, which has ` +
        `(${found.join(", ") || "none"})`,
    );
  }
}

function hasTable(database: DatabaseSync, table: string): boolean {
  return database.prepare("SELECT 1 FROM pragma_table_info(?)").get(table) !== undefined;
}

function createTable(table: string, columns: Readonly<Record<string, string>>, primaryKey?: readonly string[]): string {
  const parts = Object.entries(columns).map(([name, type]) => `${quoted(name)} ${type}`);
  if (primaryKey && primaryKey.length > 0) parts.push(`PRIMARY KEY (${primaryKey.map(quoted).join(", ")})`);
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (${parts.join(", ")})`;
}

function writeSql({ table, mode, primaryKey = [] }: TableOptions, columns: readonly string[]): string {
  const names = columns.map(quoted).join(", ");
  const insert = `INSERT INTO ${quoted(table)} (${names}) VALUES (${columns.map(() => "?").join(", ")})`;
  if (mode === "insert") return insert;
  const others = columns.filter((column) => !primaryKey.includes(column));
  const updates = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(", ");
  const key = primaryKey.map(quoted).join(", ");
  return `${insert} ON CONFLICT (${key}) DO ${others.length > 0 ? `UPDATE SET ${updates}` : "NOTHING"}`;
}

/** Rows with a NULL in the key are never found again: for SQLite each NULL is another one, and as a rowid it makes one up. */
function keyPart(row: Row, column: string, table: string): Bindable {
  const value = bindable(row, column, table);
  // What is not a number is NULL in SQLite.
  if (value === null || Number.isNaN(value)) {
    throw new ConnectError("RECORD_FAILED", `${table}: the primary key's ${column} is NULL`);
  }
  return value;
}

/** The database must see values only: `run` takes an object that comes first for a set of named ones, and the others move up. Integers
 * go as such, as a number would be "5.0" in a column of text. */
function bindable(row: Row, column: string, table: string): Bindable {
  const value: unknown = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value === null || typeof value === "string" || typeof value === "bigint" || value instanceof Uint8Array)
    return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  throw new ConnectError("RECORD_FAILED", `${table}: ${column} must be a value of SQLite's, not ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : typeof value;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
