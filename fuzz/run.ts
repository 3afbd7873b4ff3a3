/** One run: fires frames at a broker, and sees what they leave behind. */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../src/client/index.ts";
import { Lane, type Tally } from "./lane.ts";
import type { FromTarget, Measure } from "./target.ts";
import { TOPICS } from "./values.ts";

export interface RunOptions {
  readonly seed: number;
  readonly frames: number;
  readonly lanes: number;
  /** Of the first frame; default 0. */
  readonly from?: number;
  readonly onProgress?: (tally: Tally) => void;
}

export interface Report extends Tally {
  readonly elapsedMs: number;
  /** The longest time in which the broker answered nobody. */
  readonly stallMsMax: number;
  /** When it had been fired at a little, and at the end; both at rest, without connections, topics and groups. */
  readonly before: Measure;
  readonly after: Measure;
  /** What went wrong; empty when nothing did. */
  readonly problems: readonly string[];
}

/** Part of the frames that fill caches and compile code before the first measure. */
const WARM_UP_PART = 0.1;
const HEAP_GROWTH_MAX_BYTES = 8 * 1024 * 1024;
const EXTERNAL_GROWTH_MAX_BYTES = 8 * 1024 * 1024;
/** State that expires does so within the broker's round of half a minute. */
const REST_MS = 75_000;
const STALL_MS_MAX = 5_000;
const NOTHING: Measure = { openFiles: [], heapBytes: 0, externalBytes: 0 };

export async function run(options: RunOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-fuzz-"));
  const target = new Target(folder, options.seed);
  try {
    return await fire(target, options);
  } finally {
    await target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fire(
  target: Target,
  { seed, frames, lanes: laneCount, from = 0, onProgress }: RunOptions,
): Promise<Report> {
  const [host = "", port] = (await target.ready).split(":");
  const tally: Tally = { frames: 0, answers: 0, connections: 0 };
  let elapsedMs = 0;
  let stallMsMax = 0;
  const shoot = async (first: number, count: number): Promise<void> => {
    let next = first;
    const end = first + count;
    const fireAt = {
      host,
      port: Number(port),
      seed,
      next: () => (next < end && !target.isGone ? next++ : undefined),
    };
    const pulse = new Pulse(await target.ready);
    const lanes = Array.from({ length: laneCount }, () => new Lane(fireAt, tally));
    target.lanes = lanes;
    const startedAt = performance.now();
    const timer = onProgress && setInterval(() => onProgress(tally), 1000);
    await Promise.all(lanes.map((lane) => lane.run()));
    clearInterval(timer);
    elapsedMs += performance.now() - startedAt;
    stallMsMax = Math.max(stallMsMax, await pulse.stop());
  };
  const warmUp = Math.ceil(frames * WARM_UP_PART);
  await target.prepare();
  await shoot(from, warmUp);
  const before = await target.rest();
  await target.prepare();
  await shoot(from + warmUp, frames - warmUp);
  const after = await target.rest(before);
  const problems = [...target.problems, ...leaks(before, after)];
  if (stallMsMax > STALL_MS_MAX) problems.push(`the broker answered nobody for ${Math.round(stallMsMax)} ms`);
  return { ...tally, elapsedMs, stallMsMax, before, after, problems };
}

function leaks(before: Measure, after: Measure): string[] {
  const found: string[] = [];
  const opened = more(after.openFiles, before.openFiles);
  if (opened.length > 0) found.push(`left open: ${opened.join(" ")}`);
  if (!isAtRest(after, before)) {
    found.push(
      `heap: ${before.heapBytes}, then ${after.heapBytes}; buffers: ${before.externalBytes}, then ${after.externalBytes}`,
    );
  }
  return found;
}

function isAtRest(now: Measure, before: Measure): boolean {
  return (
    more(now.openFiles, before.openFiles).length === 0 &&
    now.heapBytes <= before.heapBytes + HEAP_GROWTH_MAX_BYTES &&
    now.externalBytes <= before.externalBytes + EXTERNAL_GROWTH_MAX_BYTES
  );
}

/** What is in `now` more often than in `before`. */
function more(now: readonly string[], before: readonly string[]): string[] {
  const left = [...before];
  return now.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** The broker's process. */
class Target {
  readonly ready: Promise<string>;
  readonly problems: string[] = [];
  lanes: readonly Lane[] = [];
  isGone = false;
  readonly #child;
  #onMeasure: (measure: Measure) => void = () => {};

  constructor(folder: string, seed: number) {
    const script = join(import.meta.dirname, "target.ts");
    this.#child = fork(script, [folder, String(seed)], {
      execArgv: ["--expose-gc", "--disable-warning=ExperimentalWarning"],
    });
    this.ready = new Promise((resolve, reject) => {
      this.#child.on("message", (message: FromTarget) => {
        if (message.kind === "ready") resolve(message.address);
        else if (message.kind === "measure") this.#onMeasure(message.measure);
        else this.#complain(message.line);
      });
      this.#child.once("exit", (code, signal) => {
        if (!this.isGone) this.problems.push(`the broker ended, code ${code}, signal ${signal}; ${this.#underWay()}`);
        this.isGone = true;
        this.#onMeasure(NOTHING);
        reject(new Error("the broker did not start"));
      });
    });
  }

  /** Makes the topics that frames speak of, and those that the broker makes for itself. */
  async prepare(): Promise<void> {
    const client = new Client({ brokers: await this.ready });
    const admin = client.admin();
    const [plain, other, compacted, dated] = TOPICS;
    await admin.createTopics([
      { topic: plain, partitions: 2 },
      { topic: other, partitions: 1 },
      { topic: compacted, partitions: 1, configs: { "cleanup.policy": "compact" } },
      { topic: dated, partitions: 1, configs: { "message.timestamp.before.max.ms": "1000000000000" } },
    ]);
    await admin.deleteGroups(["group"]).catch(() => {});
    await client.producer({ transactionalId: "transaction", transactionTimeoutMs: 1_000 }).initTransactions();
    await client.close();
  }

  /** Removes topics and groups, and measures once what expires has gone, or seems to stay. */
  async rest(before?: Measure): Promise<Measure> {
    const giveUpAt = performance.now() + REST_MS;
    await this.#cleanUp(giveUpAt);
    let measure = await this.#measure();
    const isEnough = (): boolean => before === undefined || isAtRest(measure, before);
    while (!this.isGone && !isEnough() && performance.now() < giveUpAt) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      measure = await this.#measure();
    }
    return measure;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.isGone) return;
    this.isGone = true;
    this.#child.send("stop");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(timer);
  }

  async #cleanUp(giveUpAt: number): Promise<void> {
    if (this.isGone) return;
    const client = new Client({ brokers: await this.ready });
    const admin = client.admin();
    // Groups empty themselves as sessions end.
    for (;;) {
      const topics = await admin.listTopics();
      // A frame that is still being served may be faster.
      if (topics.length > 0) await admin.deleteTopics(topics).catch(() => {});
      const groups = await admin.listGroups();
      for (const { groupId } of groups) await admin.deleteGroups([groupId]).catch(() => {});
      if (topics.length === 0 && groups.length === 0) break;
      if (performance.now() > giveUpAt) {
        this.problems.push(`left behind: topics ${topics.join(" ")}, groups ${JSON.stringify(groups)}`);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await client.close();
  }

  #measure(): Promise<Measure> {
    if (this.isGone) return Promise.resolve(NOTHING);
    return new Promise((resolve) => {
      this.#onMeasure = resolve;
      this.#child.send("measure");
    });
  }

  #complain(line: string): void {
    const lane = this.lanes.find(({ address }) => line.includes(address));
    this.problems.push(lane ? `${line}\n  frames ${lane.lastFrames.join(" ")}` : `${line}\n  ${this.#underWay()}`);
  }

  #underWay(): string {
    return `frames under way: ${this.lanes.flatMap(({ lastFrames }) => lastFrames.slice(-1)).join(" ")}`;
  }
}

/** Asks the broker for nothing much, again and again, to see how long it takes to answer. */
class Pulse {
  readonly #work: Promise<void>;
  #stallMsMax = 0;
  #isOver = false;

  constructor(brokers: string) {
    this.#work = this.#run(brokers);
  }

  /** The longest time that an answer took. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#work;
    return this.#stallMsMax;
  }

  async #run(brokers: string): Promise<void> {
    const client = new Client({ brokers });
    const admin = client.admin();
    while (!this.#isOver) {
      const askedAt = performance.now();
      await admin.describeCluster().catch(() => {});
      this.#stallMsMax = Math.max(this.#stallMsMax, performance.now() - askedAt);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await client.close();
  }
}
