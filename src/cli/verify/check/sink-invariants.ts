import type { TopicPartition } from "../../../client/index.ts";
import { type Evidence, type Invariant, nameOf, visible } from "./invariant.ts";
import { keyText, partitionsOf, visibleCount } from "./pipeline-invariants.ts";
import type { StoredPartition } from "./stored-partition.ts";

/** What a sink made of one record. */
export interface TableRow extends TopicPartition {
  readonly offset: number;
  readonly value: string;
}

export interface SinkPlan {
  readonly topic: string;
  /** In the order in which they were written. */
  readonly rows: () => readonly TableRow[];
}

/** The table has every record that counts once, in the order of the log. */
export class TableEqualsLog implements Invariant {
  readonly name = "table equals log";
  readonly promise = "the table has every record that counts once, in the order of the log";
  readonly #plan: SinkPlan;

  constructor(plan: SinkPlan) {
    this.#plan = plan;
  }

  examined({ stored }: Evidence): number {
    return visibleCount(stored, this.#plan.topic);
  }

  *violations({ stored }: Evidence): Iterable<string> {
    const { topic, rows: written } = this.#plan;
    const rows = Map.groupBy(written(), nameOf);
    for (const partition of partitionsOf(stored, topic)) {
      yield* this.#check(partition, rows.get(nameOf(partition)) ?? []);
      rows.delete(nameOf(partition));
    }
    for (const [name, { length }] of rows) yield `the table has ${length} rows of ${name}, which is not in the log`;
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
