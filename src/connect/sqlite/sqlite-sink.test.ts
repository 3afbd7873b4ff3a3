import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConsumerRecord, serdes } from "../../client/index.ts";
import type { SinkBatch } from "../sink.ts";
import { type Row, RowDeletion } from "./rows.ts";
import { SqliteSink, type SqliteSinkOptions } from "./sqlite-sink.ts";

type Options = SqliteSinkOptions<string, number>;

let folder: string;
const open: SqliteSink<string, number>[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-sink-"));
});
afterEach(() => {
  for (const sink of open.splice(0)) sink.close();
  rmSync(folder, { recursive: true });
});

function openSink(options: Partial<Options> = {}): SqliteSink<string, number> {
  const sink = new SqliteSink<string, number>({
    path: join(folder, "target.db"),
    table: "counts",
    columns: { word: "TEXT", count: "INTEGER NOT NULL" },
    primaryKey: ["word"],
    mode: "upsert",
    key: serdes.string,
    value: serdes.int64,
    row: ({ key, value }) => (value === null ? new RowDeletion({ word: key }) : { word: key, count: value }),
    ...options,
  });
  open.push(sink);
  sink.open();
  return sink;
}

function record(offset: number, word: string, count: number | null): ConsumerRecord {
  const value = count === null ? null : Buffer.from(serdes.int64.serialize(count));
  return { topic: "t", partition: 0, offset, timestamp: 0, key: Buffer.from(word), value, headers: [], leaderEpoch: 0 };
}

function batch(fromOffset: number, nextOffset: number, ...records: ConsumerRecord[]): SinkBatch {
  return { topic: "t", topicId: "id", partition: 0, fromOffset, nextOffset, records };
}

function table(sql = "SELECT * FROM counts ORDER BY rowid"): unknown[] {
  const database = new DatabaseSync(join(folder, "target.db"));
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).join(":"));
  } finally {
    database.close();
  }
}

function failureOf(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

const partition = [{ topic: "t", topicId: "id", partition: 0 }];
/** Another topic of the same name. */
const anew = [{ topic: "t", topicId: "another", partition: 0 }];

describe("sqlite sink", () => {
  it("upsert: the last value of each key; a deletion takes the row out", () => {
    const sink = openSink();
    expect(sink.positions(partition)).toEqual([undefined]);
    expect(sink.write([batch(0, 3, record(0, "a", 1), record(1, "b", 1), record(2, "a", 2))])).toEqual([
      { applied: true },
    ]);
    sink.write([batch(3, 4, record(3, "b", null))]);
    expect(table()).toEqual(["a:2"]);
    expect(sink.positions(partition)).toEqual([4]);
  });

  it("insert: a row for each record, without a key too", () => {
    const sink = openSink({ mode: "insert", primaryKey: [] });
    sink.write([batch(0, 2, record(0, "a", 1), record(1, "a", 1))]);
    expect(table()).toEqual(["a:1", "a:1"]);
  });

  it("a batch that was taken before changes nothing, and tells where the table stands", () => {
    const sink = openSink({ mode: "insert", primaryKey: [] });
    const first = batch(0, 2, record(0, "a", 1), record(1, "b", 1));
    sink.write([first]);
    expect(sink.write([first])).toEqual([{ applied: false, nextOffset: 2 }]);
    expect(table()).toHaveLength(2);
  });

  it.each([
    ["overlaps", batch(1, 3, record(1, "b", 1), record(2, "c", 1))],
    ["leaves a gap", batch(5, 6, record(5, "c", 1))],
    ["lies before", batch(0, 1, record(0, "a", 1))],
  ])("a batch that %s is refused", (_name, wrong) => {
    const sink = openSink();
    sink.write([batch(0, 2, record(0, "a", 7))]);
    expect(sink.write([wrong])).toEqual([{ applied: false, nextOffset: 2 }]);
    expect(table()).toEqual(["a:7"]);
  });

  it("ranges join over offsets that no record has", () => {
    const sink = openSink();
    sink.write([batch(10, 12, record(11, "a", 1))]);
    // 12 is a marker, 13 to 19 were aborted.
    expect(sink.write([batch(12, 21, record(20, "a", 2))])).toEqual([{ applied: true }]);
    expect(table()).toEqual(["a:2"]);
  });

  it("a batch without records says where a partition begins, once", () => {
    const sink = openSink();
    expect(sink.write([batch(7, 7)])).toEqual([{ applied: true }]);
    expect(sink.positions(partition)).toEqual([7]);
    expect(openSink().write([batch(9, 9)])).toEqual([{ applied: false, nextOffset: 7 }]);
    expect(sink.write([batch(7, 8, record(7, "a", 1))])).toEqual([{ applied: true }]);
    expect(table()).toEqual(["a:1"]);
  });

  it("two workers on one partition: the second one's batch is refused", () => {
    const [a, b] = [openSink(), openSink()];
    expect(a.write([batch(0, 1, record(0, "a", 1))])).toEqual([{ applied: true }]);
    expect(b.write([batch(0, 2, record(0, "a", 1), record(1, "a", 2))])).toEqual([{ applied: false, nextOffset: 1 }]);
    expect(b.write([batch(1, 2, record(1, "a", 2))])).toEqual([{ applied: true }]);
    expect(a.write([batch(1, 2, record(1, "a", 2))])).toEqual([{ applied: false, nextOffset: 2 }]);
    expect(table()).toEqual(["a:2"]);
  });

  it("one partition's refusal does not touch the others", () => {
    const sink = openSink();
    sink.write([batch(0, 1, record(0, "a", 1))]);
    const other = { ...batch(0, 1, record(0, "x", 5)), partition: 1 };
    expect(sink.write([batch(0, 1, record(0, "a", 9)), other])).toEqual([
      { applied: false, nextOffset: 1 },
      { applied: true },
    ]);
    expect(table()).toEqual(["a:1", "x:5"]);
  });

  it("a record without a row fails with its coordinates, and nothing of its batch stays", () => {
    const sink = openSink({
      row: ({ key, value }) => {
        if (key === "bad") throw new Error("cannot");
        return { word: key, count: value };
      },
    });
    const withBad = batch(0, 2, record(0, "a", 1), record(1, "bad", 1));
    expect(() => sink.write([withBad])).toThrow("t-0, offset 1: no row: cannot");
    expect(table()).toEqual([]);
    expect(sink.positions(partition)).toEqual([undefined]);
  });

  const upsertOf = (row: unknown): Partial<Options> => ({ row: () => row as Row });
  const insertOf = (row: unknown): Partial<Options> => ({ ...upsertOf(row), mode: "insert", primaryKey: [] });

  it.each<[string, Partial<Options>, string]>([
    [
      "an object that comes first",
      insertOf({ word: {}, count: 5 }),
      "counts: word must be a value of SQLite's, not an object",
    ],
    ["an array that comes first", insertOf({ word: [], count: 5 }), "not an array"],
    ["an object that names a parameter", insertOf({ word: { 1: "x" }, count: 5 }), "not an object"],
    ["an object further on", insertOf({ word: "a", count: {} }), "not an object"],
    ["undefined", insertOf({ word: "a", count: undefined }), "not undefined"],
    ["no columns", insertOf({}), "counts: the row has no columns"],
    ["a promise", insertOf(Promise.resolve({ word: "a" })), '"row" gave a promise'],
    ["nothing", insertOf(undefined), '"row" gave undefined'],
    ["an object in a deletion's key", upsertOf(new RowDeletion({ word: {} as string })), "not an object"],
    ["NULL in the key", upsertOf({ word: null, count: 1 }), "counts: the primary key's word is NULL"],
    ["what is not a number in the key", upsertOf({ word: Number.NaN, count: 1 }), "word is NULL"],
    ["no key", upsertOf({ count: 1 }), "not undefined"],
    ["NULL in a deletion's key", upsertOf(new RowDeletion({ word: null })), "word is NULL"],
    ["no key in a deletion", upsertOf(new RowDeletion({ count: 1 })), "not undefined"],
  ])("a row with %s fails with the record's place, and the table stays as it was", (_name, options, message) => {
    const before = openSink();
    before.write([batch(0, 1, record(0, "a", 7))]);
    before.close();
    const sink = openSink(options);
    const error = failureOf(() => sink.write([batch(1, 2, record(1, "a", 8))]));
    expect(error).toMatchObject({ code: "RECORD_FAILED", retriable: false });
    expect(error.message).toContain("t-0, offset 1: ");
    expect(error.message).toContain(message);
    expect(table()).toEqual(["a:7"]);
    expect(sink.positions(partition)).toEqual([1]);
  });

  it.each<[string, Partial<Options>, string]>([
    ["a column refuses", insertOf({ word: "a", count: null }), "NOT NULL constraint failed"],
    ["there is no such column", insertOf({ nope: 1 }), "no column named nope"],
  ])("what the database refuses fails with the record's place: %s", (_name, options, message) => {
    const error = failureOf(() => openSink(options).write([batch(0, 1, record(0, "a", 1))]));
    expect(error).toMatchObject({ code: "TARGET_FAILED", retriable: false });
    expect(error.message).toContain("target.db: t-0, offset 0: ");
    expect(error.message).toContain(message);
  });

  it("values go in as what they are", () => {
    const columns = { word: "TEXT", flag: "INTEGER", amount: "REAL", big: "INTEGER", bytes: "BLOB", none: "TEXT" };
    const row = { word: 42, flag: true, amount: 1.5, big: 2n ** 62n, bytes: Buffer.from("x"), none: null };
    openSink({ ...insertOf(row), columns }).write([batch(0, 1, record(0, "a", 1))]);
    const sql = "SELECT word, flag, amount, CAST(big AS TEXT), CAST(bytes AS TEXT), none IS NULL FROM counts";
    expect(table(sql)).toEqual(["42:1:1.5:4611686018427387904:x:1"]);
  });

  it("columns whose names are put together of others' names are not those", () => {
    const columns = { a: "INTEGER", b: "INTEGER", "a,b": "INTEGER" };
    const rows = [{ a: 1, b: 2 }, { "a,b": 3 }];
    const sink = openSink({ mode: "insert", columns, primaryKey: [], row: ({ offset }) => rows[offset] as Row });
    sink.write([batch(0, 2, record(0, "x", 1), record(1, "x", 1))]);
    expect(table()).toEqual(["1:2:", "::3"]);
  });

  it("two sinks in one database keep their positions apart", () => {
    openSink().write([batch(0, 1, record(0, "a", 1))]);
    expect(openSink({ name: "another" }).positions(partition)).toEqual([undefined]);
  });

  it("a topic that was made anew begins anew, and does not move where the one before stands", () => {
    const [sink, late] = [openSink({ mode: "insert", primaryKey: [] }), openSink({ mode: "insert", primaryKey: [] })];
    sink.write([batch(0, 2, record(0, "a", 1), record(1, "b", 1))]);
    expect(sink.positions(anew)).toEqual([undefined]);
    expect(sink.write([{ ...batch(0, 1, record(0, "c", 1)), topicId: "another" }])).toEqual([{ applied: true }]);
    expect(late.write([batch(0, 1, record(0, "a", 1))])).toEqual([{ applied: false, nextOffset: 2 }]);
    expect(sink.positions([...partition, ...anew])).toEqual([2, 1]);
    expect(table()).toEqual(["a:1", "b:1", "c:1"]);
  });

  it("goes on at the positions of a table that knew topics by name only, with the topic of that name", () => {
    const database = new DatabaseSync(join(folder, "target.db"));
    database.exec(`
      CREATE TABLE oncilla_sink_offsets (sink TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
        next_offset INTEGER NOT NULL, PRIMARY KEY (sink, topic, partition)) WITHOUT ROWID;
      INSERT INTO oncilla_sink_offsets VALUES ('counts', 't', 0, 7)
    `);
    database.close();
    const sink = openSink();
    expect(sink.positions(partition)).toEqual([7]);
    expect(openSink().positions(partition)).toEqual([7]);
    expect(sink.write([batch(6, 8, record(7, "a", 1))])).toEqual([{ applied: false, nextOffset: 7 }]);
    expect(sink.write([batch(7, 8, record(7, "a", 1))])).toEqual([{ applied: true }]);
    expect(sink.positions([...partition, ...anew])).toEqual([8, undefined]);
  });

  it("a database that another writer holds is worth another try", () => {
    const sink = openSink();
    const other = new DatabaseSync(join(folder, "target.db"));
    other.exec("BEGIN IMMEDIATE");
    const first = batch(0, 1, record(0, "a", 1));
    expect(() => sink.write([first])).toThrow(expect.objectContaining({ code: "TARGET_FAILED", retriable: true }));
    other.exec("ROLLBACK");
    other.close();
    expect(sink.write([first])).toEqual([{ applied: true }]);
  });

  it("comes to its turn beside a writer that leaves the database alone for moments only", async () => {
    const sink = openSink();
    const code = `
      const { parentPort, workerData } = require("node:worker_threads");
      const database = new (require("node:sqlite").DatabaseSync)(workerData, { timeout: 1_000 });
      const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      for (let isFirst = true; ; isFirst = false) {
        database.exec("BEGIN IMMEDIATE");
        if (isFirst) parentPort.postMessage("at work");
        sleep(15);
        database.exec("COMMIT");
        sleep(2);
      }
    `;
    const writer = new Worker(code, { eval: true, workerData: join(folder, "target.db") });
    await once(writer, "message");
    let tries = 0;
    const isTaken = (): boolean => {
      try {
        return sink.write([batch(0, 1, record(0, "a", 1))]).length === 1;
      } catch {
        return false;
      }
    };
    while (tries < 30 && !isTaken()) tries++;
    await writer.terminate();
    expect(table()).toEqual(["a:1"]);
  });

  it("refuses to start where its table is not there and its columns are not named", () => {
    const message = 'absent: there is no such table: make it, or give its "columns"';
    const absent = { table: "absent", mode: "insert", columns: undefined } as unknown as Partial<Options>;
    expect(() => openSink(absent)).toThrow(
      expect.objectContaining({ code: "TARGET_FAILED", retriable: false, message }),
    );
  });

  it.each([undefined, "upsrt"])("refuses to start in a mode that there is not: %s", (mode) => {
    const wrong = { mode } as unknown as Partial<Options>;
    expect(() => openSink(wrong)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(`not ${mode}`) }),
    );
  });

  it.each<[string, Partial<Options>]>([
    ["no key is named", { primaryKey: [] }],
    ["the table has another key", { primaryKey: ["count"] }],
    ["the table has no key", { table: "keyless" }],
  ])("an upsert refuses to start when %s", (_name, options) => {
    openSink();
    const database = new DatabaseSync(join(folder, "target.db"));
    database.exec("CREATE TABLE keyless (word TEXT, count INTEGER)");
    database.close();
    expect(() => openSink(options)).toThrow(expect.objectContaining({ code: "GUARANTEE_IMPOSSIBLE" }));
  });
});
