/** A worker of the word count, as a process of its own; it tells how far it is. */
import type { DemoTopics } from "../../src/cli/demo/messages.ts";
import { wordCountTopology } from "../../src/cli/demo/topology.ts";
import { StreamsApp } from "../../src/streams/index.ts";

export interface StreamsWorkerConfig {
  readonly brokers: string;
  readonly applicationId: string;
  readonly topics: DemoTopics;
  readonly stateDir: string;
}

/** Since the worker's start. */
export interface StreamsWorkerProgress {
  readonly commits: number;
  readonly recordsProcessed: number;
}

const REPORT_INTERVAL_MS = 10;

const config = JSON.parse(process.argv[2] ?? "") as StreamsWorkerConfig;
process.on("disconnect", () => process.exit(1));
const app = new StreamsApp(wordCountTopology(config.topics), config);
app.onError = (error) => {
  console.error(error);
  process.exit(1);
};
process.on("SIGTERM", () => void app.close().then(() => process.exit(0)));
await app.start();
setInterval(() => {
  const { commits, recordsProcessed } = app.metrics();
  process.send?.({ commits, recordsProcessed } satisfies StreamsWorkerProgress);
}, REPORT_INTERVAL_MS);
