import { StreamsApp } from "../../streams/index.ts";
import { aborted } from "../processes/aborted.ts";
import { REPORT_INTERVAL_MS, type Reporter } from "../processes/reporter.ts";
import type { ChildConfig } from "./messages.ts";
import { wordCountTopology } from "./topology.ts";

/** A stream worker: counts words until it is told to stop. */
export async function runWorker(config: ChildConfig, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const app = new StreamsApp(wordCountTopology(config.topics), {
    applicationId: config.applicationId,
    brokers: config.brokers,
    guarantee: config.guarantee,
    commitIntervalMs: 100,
    stateDir: config.stateDir,
    sessionTimeoutMs: 6_000,
  });
  const failed = new Promise<never>((_, reject) => {
    app.onError = reject;
  });
  await app.start();
  reporter.ready();
  const timer = setInterval(() => {
    const { recordsProcessed, commits, aborts } = app.metrics();
    reporter.progress({ records: recordsProcessed, commits, aborts });
  }, REPORT_INTERVAL_MS);
  await Promise.race([aborted(stop), failed]);
  clearInterval(timer);
  await app.close();
}
