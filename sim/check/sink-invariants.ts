import type { SimulatedTable, TableRow } from "../world/table.ts";
import { type Evidence, type Invariant, nameOf, visible } from "./invariant.ts";
import { keyText, partitionsOf } from "./pipeline-invariants.ts";
import type { StoredPartition } from "./stored-partition.ts";

export interface SinkPlan {
  readonly topic: string;
  readonly table: SimulatedTable;
}

/** The table has every record that counts once, in the order of the log. */
export class TableEqualsLog implements Invariant {
  readonly name = "table equals log";
  readonly #plan: SinkPlan;

  constructor(plan: SinkPlan) {
    this.#plan = plan;
  }

  *violations({ stored }: Evidence): Iterable<string> {
    const { topic, table } = this.#plan;
    const rows = Map.groupBy(table.rows, nameOf);
    for (const partition of partitionsOf(stored, topic)) {
      yield* this.#check(partition, rows.get(nameOf(partition)) ?? []);
    }
  }

  *#check(partition: StoredPartition, rows: readonly TableRow[]): Iterable<string> {
    const records = visible(partition, "read_committed");
    const count = Math.max(records.length, rows.length);
    for (let index = 0; index < count; index++) {
      const [record, row] = [records[index], rows[index]];
      if (record && row && record.offset === row.offset && keyText(record.value) === row.value) continue;
      const inTable = row ? `offset ${row.offset}` : "nothing";
      yield `row ${index} of ${nameOf(partition)} is ${inTable}, and in the log offset ${record?.offset ?? "none"}`;
      return;
    }
  }
}
