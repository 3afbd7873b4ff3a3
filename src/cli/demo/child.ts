/** Entry point of the demo's children: one process, one role. */
import type { ChildConfig } from "./messages.ts";
import { runProducer } from "./producer.ts";
import { Reporter } from "./reporter.ts";
import { runSink } from "./sink.ts";
import { runWorker } from "./worker.ts";

const roles = { producer: runProducer, worker: runWorker, sink: runSink };

const config = JSON.parse(process.argv[2] ?? "") as ChildConfig;
const reporter = new Reporter();
const stop = new AbortController();

// No process outlives the demo, however the demo ends.
process.on("disconnect", () => process.exit(1));
process.on("SIGTERM", () => stop.abort());

try {
  await roles[config.role](config, reporter, stop.signal);
  reporter.done();
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
