import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { TargetTable } from "./table.ts";

it("keeps a bounded number of statements, however many sets of columns rows have", async () => {
  const database = new DatabaseSync(":memory:");
  const prepared: WeakRef<StatementSync>[] = [];
  const prepare = database.prepare.bind(database);
  database.prepare = (sql) => {
    const statement = prepare(sql);
    prepared.push(new WeakRef(statement));
    return statement;
  };
  const names = Array.from({ length: 10 }, (_, index) => `c${index}`);
  const columns = Object.fromEntries(names.map((name) => [name, "INTEGER"]));
  const table = new TargetTable(database, { table: "t", mode: "insert", columns });
  for (let set = 1; set < 1024; set++) {
    table.apply(Object.fromEntries(names.filter((_, index) => (set >> index) & 1).map((name) => [name, set])));
  }
  expect(database.prepare("SELECT count(*) AS count FROM t").get()).toEqual({ count: 1023 });
  // What a WeakRef was made of in this turn is held until its end.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  expect(prepared.filter((statement) => statement.deref() !== undefined).length).toBeLessThanOrEqual(300);
  database.close();
});
