/** The word count for benchmarks: its topics on a broker, and its workers, each a process. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Client } from "../../src/client/index.ts";
import type { Side } from "./sides.ts";
import type { StreamsWorkerConfig, StreamsWorkerProgress } from "./streams-worker.ts";

const PARTITIONS = 4;

export class StreamsJob {
  readonly client: Client;
  readonly lines: string;
  readonly #config: Omit<StreamsWorkerConfig, "stateDir">;
  readonly #folder: string;
  readonly #node: readonly string[];

  private constructor(side: Side, client: Client, applicationId: string, folder: string, node: readonly string[]) {
    this.client = client;
    this.lines = `${applicationId}-lines`;
    const topics = { lines: this.lines, counts: `${applicationId}-counts`, changelog: "", repartition: "" };
    this.#config = { brokers: side.bootstrap, applicationId, topics };
    this.#folder = folder;
    this.#node = node;
  }

  /** `folder`: for the workers' state. `node`: options of the workers' processes. */
  static async create(
    side: Side,
    applicationId: string,
    folder: string,
    node: readonly string[] = [],
  ): Promise<StreamsJob> {
    const client = new Client({ brokers: side.bootstrap });
    const job = new StreamsJob(side, client, applicationId, folder, node);
    const { lines, counts } = job.#config.topics;
    await client.admin().createTopics([lines, counts].map((topic) => ({ topic, partitions: PARTITIONS })));
    return job;
  }

  start(worker: number): StreamsWorker {
    const config = { ...this.#config, stateDir: join(this.#folder, `${this.#config.applicationId}-${worker}`) };
    return new StreamsWorker(config, this.#node);
  }
}

export class StreamsWorker {
  readonly #child: ChildProcess;
  #progress: StreamsWorkerProgress = { commits: 0, recordsProcessed: 0 };

  constructor(config: StreamsWorkerConfig, node: readonly string[]) {
    this.#child = fork(join(import.meta.dirname, "streams-worker.ts"), [JSON.stringify(config)], {
      execArgv: [...node],
    });
    this.#child.on("message", (progress: StreamsWorkerProgress) => {
      this.#progress = progress;
    });
  }

  get progress(): StreamsWorkerProgress {
    return this.#progress;
  }

  /** Resolves once there are so many more commits. */
  async committed(times: number): Promise<void> {
    const target = this.#progress.commits + times;
    while (this.#progress.commits < target) await once(this.#child, "message");
  }

  /** Resolves at the next word from it. */
  async heard(): Promise<void> {
    await once(this.#child, "message");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await once(this.#child, "exit");
  }
}
