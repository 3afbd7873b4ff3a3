import { serdes } from "../../client/index.ts";
import { SinkRuntime, SqliteSink } from "../../connect/index.ts";
import { aborted } from "../processes/aborted.ts";
import { REPORT_INTERVAL_MS, type Reporter } from "../processes/reporter.ts";
import type { ChildConfig } from "./messages.ts";

/** Brings the counts into the database until it is told to stop. */
export async function runSink(config: ChildConfig, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const sink = new SqliteSink({
    path: config.database,
    table: "word_counts",
    columns: { word: "TEXT", count: "INTEGER NOT NULL" },
    primaryKey: ["word"],
    mode: "upsert",
    key: serdes.string,
    value: serdes.int64,
    row: ({ key, value }) => ({ word: key, count: value }),
  });
  const runtime = new SinkRuntime(sink, {
    brokers: config.brokers,
    groupId: `${config.applicationId}-sink`,
    topics: [config.topics.counts],
    groupInstanceId: "sink",
    sessionTimeoutMs: 6_000,
  });
  const failed = new Promise<never>((_, reject) => {
    runtime.onError = reject;
  });
  await runtime.start();
  reporter.ready();
  const timer = setInterval(() => reporter.progress({ rows: runtime.metrics().recordsWritten }), REPORT_INTERVAL_MS);
  await Promise.race([aborted(stop), failed]);
  clearInterval(timer);
  await runtime.close();
}
