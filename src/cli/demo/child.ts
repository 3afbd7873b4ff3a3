/** Entry point of the demo's children: one process, one role. */
import { runChild } from "../processes/child.ts";
import type { ChildConfig } from "./messages.ts";
import { runProducer } from "./producer.ts";
import { runSink } from "./sink.ts";
import { runWorker } from "./worker.ts";

const roles = { producer: runProducer, worker: runWorker, sink: runSink };

await runChild<ChildConfig>((config, reporter, stop) => roles[config.role](config, reporter, stop));
