/** A worker that brings records into a table of SQLite, each as a row. */
import { DatabaseSync } from "node:sqlite";
import { serdes, type TopicPartition } from "../../../client/index.ts";
import { type Sink, type SinkBatch, type SinkOutcome, SinkRuntime, SqliteSink } from "../../../connect/index.ts";
import { aborted } from "../../processes/aborted.ts";
import type { StoreTask } from "../tasks.ts";
import type { ProgramContext } from "./context.ts";

export const TABLE = "rows";

export async function store(context: ProgramContext, task: StoreTask): Promise<void> {
  const { brokers, platform, dice, stop, flaw, counters } = context;
  const sink = flaw === "no-positions" ? new ForgetfulSink(task.database) : sqliteSink(task.database);
  const runtime = new SinkRuntime(sink, {
    brokers,
    groupId: task.group,
    topics: [task.topic],
    maxBatchRecords: dice.pick([1, 20, 2_000]),
    sessionTimeoutMs: 6_000,
    platform,
  });
  const failed = new Promise<never>((_, reject) => {
    runtime.onError = reject;
  });
  await runtime.start();
  context.ready();
  const timer = setInterval(() => {
    counters.written = runtime.metrics().recordsWritten;
  }, 100);
  await Promise.race([aborted(stop), failed]);
  clearInterval(timer);
  await runtime.close();
}

function sqliteSink(path: string): SqliteSink<Uint8Array, string> {
  return new SqliteSink({
    path,
    table: TABLE,
    columns: { topic: "TEXT", partition: "INTEGER", offset: "INTEGER", value: "TEXT" },
    mode: "insert",
    value: serdes.string,
    row: ({ topic, partition, offset, value }) => ({ topic, partition, offset, value }),
  });
}

/** The flaw "no-positions": it does not know where it stands, and takes whatever comes. */
class ForgetfulSink implements Sink {
  readonly guarantee = "at_least_once";
  readonly #table: SqliteSink<Uint8Array, string>;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.#table = sqliteSink(path);
  }

  open(): void {
    this.#table.open();
  }

  positions(partitions: readonly TopicPartition[]): undefined[] {
    return partitions.map(() => undefined);
  }

  write(batches: readonly SinkBatch[]): SinkOutcome[] {
    const database = new DatabaseSync(this.#path, { timeout: 5_000 });
    const insert = database.prepare(`INSERT INTO ${TABLE} (topic, partition, offset, value) VALUES (?, ?, ?, ?)`);
    for (const { topic, partition, records } of batches) {
      for (const { offset, value } of records) insert.run(topic, partition, offset, value?.toString() ?? null);
    }
    database.close();
    return batches.map(() => ({ applied: true }));
  }

  close(): void {
    this.#table.close();
  }
}
