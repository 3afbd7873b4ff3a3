import {
  Client,
  type ClientOptions,
  type Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  OffsetOutOfRangeError,
  OncillaError,
  TimeoutError,
  type TopicPartition,
} from "../client/index.ts";
import { withTimeout } from "../client/network/retry.ts";
import { assert, defined } from "../platform/assert.ts";
import { sleep } from "../platform/clock.ts";
import { closeInTurn } from "../platform/closing.ts";
import { type Logger, silentLogger } from "../platform/logger.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { stderrLogger } from "../platform/node/logger.ts";
import type { Platform } from "../platform/platform.ts";
import { CatchUp, type SinkAdmin } from "./catch-up.ts";
import { ConnectError } from "./errors.ts";
import { partitionsOf } from "./partitions.ts";
import { recordsGone } from "./records-gone.ts";
import type { Sink, SinkBatch, SinkPartition } from "./sink.ts";
import { findStarts, type Starts } from "./starts.ts";

/** The group's offsets are committed this often: for monitoring, and for sinks that keep no positions. */
const COMMIT_INTERVAL_MS = 1_000;
const POLL_MS = 100;
const RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** How long an exactly-once sink that is closed waits for its last commit, and then to leave its group: it needs neither. */
const CLOSE_TIMEOUT_MS = 3_000;
/** How long a start waits for a target that cannot be had at the moment. */
const OPEN_TIMEOUT_MS = 30_000;

export type SinkConsumer = Pick<
  Consumer,
  | "subscribe"
  | "poll"
  | "wakeup"
  | "seek"
  | "pause"
  | "resume"
  | "assignment"
  | "topicId"
  | "commit"
  | "committed"
  | "beginningOffsets"
  | "endOffsets"
  | "close"
>;

export interface SinkClient {
  consumer(options?: ConsumerOptions): SinkConsumer;
  admin(): SinkAdmin;
  close(): Promise<void>;
}

export interface SinkRuntimeOptions {
  /** "host:port", several separated by commas or in an array. */
  readonly brokers: string | readonly string[];
  /** Workers of one group share the partitions. */
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Where to begin with a partition of which neither the target nor, for an at_least_once sink, the group has a position. Default
   * "earliest". */
  readonly startAt?: "earliest" | "latest";
  /** Records that are written in one go. Default 2,000. */
  readonly maxBatchRecords?: number;
  /** The partitions of a worker that died go to others after this long. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** The worker's name, which it has in all its lives and no other worker has. A worker that comes back under its name within
   * the session timeout goes on at once, without a rebalance (KIP-345). Of two workers with one name the older one ends, with
   * FENCED_INSTANCE_ID. Default: none. */
  readonly groupInstanceId?: string;
  /** Default: the group id. */
  readonly clientId?: string;
  /** Default: Node's. */
  readonly platform?: Platform;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Makes the way to the cluster. Default: oncilla's client. */
  readonly connect?: (options: ClientOptions) => SinkClient;
}

/** Where the next batch of a partition begins. */
interface Position extends SinkPartition {
  readonly offset: number;
}

/** Where reading of partitions begins, and what the sink said of them. */
interface Beginning extends Starts {
  readonly partitions: readonly SinkPartition[];
  readonly ofSink: readonly (number | undefined)[];
}

type Write = (batches: readonly SinkBatch[]) => Promise<void>;

export type SinkState = "created" | "running" | "error" | "closed";

/** Counted since the start. */
export interface SinkMetrics {
  readonly recordsWritten: number;
  readonly batchesWritten: number;
  /** Batches that the target did not take, because it stood elsewhere. */
  readonly batchesRefused: number;
}

/**
 * Brings the committed records of topics to a sink. The sink's positions are the ones that count: on start, after a rebalance
 * and whenever a batch is refused, reading goes on where the sink stands. The group's offsets are written after the sink's; they are
 * read where an at_least_once sink has no position, and are for others to look at otherwise.
 */
export class SinkRuntime implements AsyncDisposable {
  readonly #sink: Sink;
  readonly #options: SinkRuntimeOptions;
  readonly #platform: Platform;
  readonly #logger: Logger;
  /** Of the assigned partitions. */
  readonly #positions = new Map<string, Position>();
  #client: SinkClient | undefined;
  #consumer: SinkConsumer | undefined;
  #admin: SinkAdmin | undefined;
  #state: SinkState = "created";
  #error: Error | undefined;
  #finished: Promise<void> = Promise.resolve();
  #isOpen = false;
  #hasBegun = false;
  #isStopping = false;
  #leavesGroup = true;
  #nextCommitAt = 0;
  #hasUncommitted = false;
  /** The one that is under way. */
  #commit: Promise<void> | undefined;
  readonly #catchUp: CatchUp;
  #metrics = { recordsWritten: 0, batchesWritten: 0, batchesRefused: 0 };
  /** Called when the runtime ends by itself, after the change to "error"; not for a `start` that throws. Must not throw. Without it,
   * and without a logger, a line on standard error tells. */
  onError: ((error: Error) => void) | undefined;

  constructor(sink: Sink, options: SinkRuntimeOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#platform = options.platform ?? nodePlatform;
    this.#logger = options.logger ?? silentLogger;
    const { topics, groupId, startAt = "earliest" } = options;
    const { clock } = this.#platform;
    const positionOf = (partition: SinkPartition): number | undefined => {
      const position = this.#positions.get(keyOf(partition));
      return position?.topicId === partition.topicId ? position.offset : undefined;
    };
    this.#catchUp = new CatchUp({ sink, topics, groupId, startAt, clock, positionOf });
  }

  get state(): SinkState {
    return this.#state;
  }

  /** Why the state is "error". */
  get error(): Error | undefined {
    return this.#error;
  }

  metrics(): SinkMetrics {
    return { ...this.#metrics };
  }

  /** Opens the sink and begins; resolves when it is about to join its group. Throws the sink's ConnectError, one with `retriable`
   * only after 30 s of trying; MISSING_TOPIC; INVALID_ARGUMENT when there are no topics, or `startAt` is none; INVALID_STATE when it is closed meanwhile;
   * or the client's OncillaError. */
  async start(): Promise<void> {
    if (this.#state !== "created")
      throw new ConnectError("INVALID_STATE", `the sink is ${this.#state}: make a new one`);
    const { topics, startAt = "earliest" } = this.#options;
    if (topics.length === 0) throw new ConnectError("INVALID_ARGUMENT", "there are no topics to read");
    if (startAt !== "earliest" && startAt !== "latest") {
      throw new ConnectError("INVALID_ARGUMENT", `startAt must be "earliest" or "latest", not ${String(startAt)}`);
    }
    this.#state = "running";
    const begun = this.#begin();
    this.#finished = begun.then(
      () => this.#run(),
      () => {},
    );
    await begun;
  }

  async #begin(): Promise<void> {
    try {
      await this.#open();
      if (this.#isStopping) throw new ConnectError("INVALID_STATE", "the sink is closing");
      this.#connect();
      await this.#requireTopics();
    } catch (error) {
      // The error of the start is the one to tell.
      await this.#letGo().catch(() => {});
      const reason = this.#isStopping ? closedEarly(error) : (error as Error);
      if (!this.#isStopping) this.#error = reason;
      this.#state = this.#isStopping ? "closed" : "error";
      this.#catchUp.end(reason);
      throw reason;
    }
    this.#hasBegun = true;
  }

  #connect(): void {
    const { brokers, groupId, groupInstanceId, sessionTimeoutMs = 10_000, maxBatchRecords = 2_000 } = this.#options;
    const { clientId = groupId, connect = (options) => new Client(options) } = this.#options;
    this.#client = connect({ brokers, clientId, platform: this.#platform, logger: this.#logger });
    this.#admin = this.#client.admin();
    this.#consumer = this.#client.consumer({
      groupId,
      ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
      isolationLevel: "read_committed",
      autoOffsetReset: "none",
      sessionTimeoutMs,
      // How soon a worker hears of a rebalance, for which all others wait.
      heartbeatIntervalMs: Math.ceil(Math.min(500, sessionTimeoutMs / 10)),
      maxPollRecords: maxBatchRecords,
    });
  }

  /** A topic that does not exist yet would be waited for in silence. */
  async #requireTopics(): Promise<void> {
    const first = this.#options.topics.map((topic) => ({ topic, partition: 0 }));
    try {
      await defined(this.#consumer).beginningOffsets(first);
    } catch (error) {
      if (!(error instanceof OncillaError) || error.code !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
      throw new ConnectError("MISSING_TOPIC", `a topic of the sink does not exist: ${error.message}`, { cause: error });
    }
  }

  /** Resolves at a moment at which nothing is left to bring to the target, for any worker of the group; while records keep coming that
   * may never be. Throws a TimeoutError after `timeoutMs` (default 60,000), and the runtime's own error when it ends before. */
  caughtUp({ timeoutMs = 60_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    return this.#state === "running" ? this.#catchUp.wait(timeoutMs) : Promise.reject(notRunning(this.#state));
  }

  /** Finishes the batch at hand, leaves the group and closes the sink; a `start` that is under way ends. Without `leaveGroup`, the
   * partitions of a worker with a groupInstanceId wait for it to come back, for the session timeout at most. */
  async close({ leaveGroup = true }: { readonly leaveGroup?: boolean } = {}): Promise<void> {
    this.#isStopping = true;
    this.#leavesGroup = leaveGroup;
    if (this.#state === "created") this.#state = "closed";
    // What a start waits for fails.
    if (!this.#hasBegun) void this.#client?.close().catch(() => {});
    this.#consumer?.wakeup();
    await this.#finished;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(): Promise<void> {
    await this.#patiently(this.#deadline(), async () => {
      try {
        await this.#sink.open();
        this.#isOpen = true;
      } catch (error) {
        await this.#sink.close();
        throw error;
      }
    });
  }

  #deadline(): number {
    return this.#platform.clock.monotonic() + OPEN_TIMEOUT_MS;
  }

  /** Tries again while the sink, or the cluster, says that it may work later. */
  async #patiently<T>(deadline: number, operation: () => T | Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await operation();
      } catch (error) {
        const isOver = this.#isStopping || this.#platform.clock.monotonic() >= deadline;
        if (!isPassing(error) || isOver) throw error;
        this.#logger.log("warn", `tried again: ${(error as Error).message}`);
        await this.#backOff(attempt);
      }
    }
  }

  #backOff(attempt: number): Promise<void> {
    return sleep(this.#platform.clock, Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(attempt, 10)));
  }

  async #run(): Promise<void> {
    const consumer = defined(this.#consumer);
    try {
      await this.#loop(consumer).catch((error) => {
        // What the target, or the cluster, could not take yet is left to the next life.
        if (!this.#isStopping || !isPassing(error)) throw error;
      });
      await this.#commitLast(consumer);
    } catch (error) {
      this.#error = error as Error;
    }
    try {
      await this.#letGo();
    } catch (error) {
      this.#error ??= error as Error;
    }
    if (this.#error) this.#fail(this.#error);
    else this.#state = "closed";
    this.#catchUp.end(this.#error ?? notRunning("closed"));
  }

  #letGo(): Promise<void> {
    const timeout = this.#followsGroup ? {} : { timeoutMs: CLOSE_TIMEOUT_MS };
    return closeInTurn([
      () => this.#consumer?.close({ leaveGroup: this.#leavesGroup, ...timeout }),
      () => this.#client?.close(),
      () => (this.#isOpen ? this.#sink.close() : undefined),
    ]);
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#state = "error";
    this.#logger.log("error", `the sink ends: ${error.message}`);
    if (this.onError) this.onError(error);
    else if (this.#logger === silentLogger) {
      stderrLogger("error").log("error", `the sink of group ${this.#options.groupId} has ended`, { error });
    }
  }

  async #loop(consumer: SinkConsumer): Promise<void> {
    consumer.subscribe(this.#options.topics, {
      onAssigned: (partitions) => this.#onAssigned(consumer, partitions),
      onRevoked: (partitions) => this.#onRevoked(consumer, partitions),
      onLost: (partitions) => this.#forget(partitions),
    });
    while (!this.#isStopping) {
      const records = await this.#poll(consumer, POLL_MS);
      const batches = this.#batchesOf(records);
      await this.#write(
        consumer,
        batches.filter((batch) => !isOfFormerTopic(consumer, batch)),
      );
      await this.#beginAnew(consumer);
      if (records.length === 0 && this.#catchUp.isAwaited) await this.#lookForTheEnd();
      if (this.#platform.clock.monotonic() >= this.#nextCommitAt) await this.#commitWhileRunning(consumer);
      // Answers from the network and timers get their turn, however much is there to be polled.
      await new Promise<void>((resolve) => this.#platform.clock.setImmediate(resolve));
    }
  }

  /** Brings nothing where a position is not in the log because its topic was made anew. */
  async #poll(consumer: SinkConsumer, timeoutMs: number): Promise<ConsumerRecord[]> {
    try {
      return await consumer.poll({ timeoutMs });
    } catch (error) {
      if (isOutsideLog(error) && this.#madeAnew(consumer).length > 0) return [];
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      throw await recordsGone(consumer, error, this.#followsGroup ? "the group's offset" : "the target's position");
    }
  }

  #madeAnew(consumer: SinkConsumer): Position[] {
    return [...this.#positions.values()].filter((position) => isOfFormerTopic(consumer, position));
  }

  /** Begins where topics were made anew, as far as that can be done now: only a poll takes partitions away that the new topic does not have.
   * The others stay where they are, and their turn comes again. */
  async #beginAnew(consumer: SinkConsumer): Promise<void> {
    const anew = this.#madeAnew(consumer);
    if (anew.length === 0) return;
    try {
      await this.#tryToBegin(consumer, new Set(anew.map(keyOf)));
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#logger.log("warn", `tried again: ${(error as Error).message}`);
    }
    const left = anew.filter((position) => this.#positions.get(keyOf(position)) === position);
    if (left.length === 0) return;
    // What has come of them and is not written comes again.
    for (const position of left) consumer.seek(position, position.offset);
    await this.#backOff(0);
  }

  async #tryToBegin(consumer: SinkConsumer, anew: ReadonlySet<string>): Promise<void> {
    const described = await this.#describe();
    // A broker that lags behind may tell of another topic than the one that is read.
    const known = described.filter((each) => anew.has(keyOf(each)) && consumer.topicId(each) === each.topicId);
    if (known.length === 0) return;
    // What the group has stored under the name is of the topic before.
    const beginning = await this.#findBeginning(consumer, known, false);
    this.#hasUncommitted = true;
    await this.#beginAt(consumer, beginning, (batches) => this.#write(consumer, batches));
    if (this.#followsGroup) await this.#commitOffsets(consumer);
  }

  async #onAssigned(consumer: SinkConsumer, assigned: readonly TopicPartition[]): Promise<void> {
    if (assigned.length === 0) return;
    const identify = this.#identification(assigned);
    const beginning = await this.#patiently(Number.POSITIVE_INFINITY, async () =>
      this.#findBeginning(consumer, await identify(), this.#followsGroup),
    );
    await this.#beginAt(consumer, beginning, (batches) =>
      this.#patiently(Number.POSITIVE_INFINITY, () => this.#writeOnce(consumer, batches)),
    );
  }

  async #findBeginning(
    consumer: SinkConsumer,
    partitions: readonly SinkPartition[],
    followsGroup: boolean,
  ): Promise<Beginning> {
    const { startAt = "earliest" } = this.#options;
    const ofSink = await this.#sink.positions(partitions);
    return { partitions, ofSink, ...(await findStarts(consumer, partitions, { ofSink, followsGroup, startAt })) };
  }

  /** `write` tries until the sink takes or refuses the batches. */
  async #beginAt(
    consumer: SinkConsumer,
    { partitions, ofSink, offsets, first }: Beginning,
    write: Write,
  ): Promise<void> {
    for (const [index, each] of partitions.entries()) this.#moveTo(consumer, each, defined(offsets[index]));
    // Who wrote last may have died before the group heard of it.
    if (ofSink.some((offset) => offset !== undefined)) this.#hasUncommitted = true;
    if (this.#options.startAt === "latest" && first.length > 0) await this.#keepStarts(consumer, first, write);
  }

  async #describe(): Promise<SinkPartition[]> {
    return partitionsOf(await defined(this.#admin).describeTopics(this.#options.topics));
  }

  /** Finds the partitions, with what tells their topics from others of the same name. An outage may last; that the cluster says that there
   * is no such topic, only for a while. */
  #identification(assigned: readonly TopicPartition[]): () => Promise<SinkPartition[]> {
    let deadline: number | undefined;
    return async () => {
      const all = await this.#describe();
      deadline ??= this.#deadline();
      const retriable = this.#platform.clock.monotonic() < deadline;
      return assigned.map(({ topic, partition }) => {
        const found = all.find((each) => each.topic === topic && each.partition === partition);
        if (found) return found;
        throw new ConnectError("MISSING_TOPIC", `${topic}-${partition} does not exist`, { retriable });
      });
    };
  }

  /** Should this worker die before it writes, the next one must not begin behind what comes from now on. */
  async #keepStarts(consumer: SinkConsumer, starts: readonly TopicPartition[], write: Write): Promise<void> {
    if (this.#followsGroup) {
      this.#hasUncommitted = true;
      await this.#commitOffsets(consumer);
      return;
    }
    const batches = starts.map((each) => {
      const { topic, topicId, partition, offset } = defined(this.#positions.get(keyOf(each)));
      return { topic, topicId, partition, fromOffset: offset, nextOffset: offset, records: [] };
    });
    await write(batches);
  }

  /** Whoever gets the partitions next goes by the group's offsets, when the sink has none. */
  async #onRevoked(consumer: SinkConsumer, partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#followsGroup) await this.#commitOffsets(consumer);
    this.#forget(partitions);
  }

  get #followsGroup(): boolean {
    return this.#sink.guarantee === "at_least_once";
  }

  /** With nothing at hand, so that the sink is asked for its positions when it is not at work. */
  async #lookForTheEnd(): Promise<void> {
    try {
      await this.#catchUp.look(defined(this.#admin));
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#logger.log("debug", `not known whether the sink has caught up: ${(error as Error).message}`);
    }
  }

  #moveTo(consumer: SinkConsumer, { topic, topicId, partition }: SinkPartition, offset: number): void {
    this.#positions.set(keyOf({ topic, partition }), { topic, topicId, partition, offset });
    consumer.seek({ topic, partition }, offset);
  }

  #forget(partitions: readonly TopicPartition[]): void {
    for (const each of partitions) this.#positions.delete(keyOf(each));
  }

  #batchesOf(records: readonly ConsumerRecord[]): SinkBatch[] {
    return [...Map.groupBy(records, keyOf)].map(([key, ofPartition]) => {
      const [first, last] = [defined(ofPartition[0]), defined(ofPartition.at(-1))];
      const position = defined(this.#positions.get(key), "records come of assigned partitions only");
      const { topic, topicId, partition, offset: fromOffset } = position;
      assert(first.offset >= fromOffset, "no record comes twice");
      return { topic, topicId, partition, fromOffset, nextOffset: last.offset + 1, records: ofPartition };
    });
  }

  /** Tries until the sink takes or refuses the batches, or they are no longer this worker's. */
  async #write(consumer: SinkConsumer, batches: readonly SinkBatch[]): Promise<void> {
    const positions = new Map(batches.map((batch) => [batch, this.#positions.get(keyOf(batch))]));
    let open = batches;
    for (let attempt = 0; open.length > 0; attempt++) {
      try {
        await this.#writeOnce(consumer, open);
        break;
      } catch (error) {
        if (!(error instanceof ConnectError) || !error.retriable || this.#isStopping) throw error;
        this.#logger.log("warn", `the sink refused, and is asked again: ${error.message}`);
        await this.#waitForRetry(consumer, attempt);
        // A partition that was lost and has come back is read again, from the same position perhaps.
        open = open.filter((batch) => this.#positions.get(keyOf(batch)) === positions.get(batch));
      }
    }
  }

  async #writeOnce(consumer: SinkConsumer, batches: readonly SinkBatch[]): Promise<void> {
    const outcomes = await this.#sink.write(batches);
    batches.forEach((batch, index) => {
      const outcome = defined(outcomes[index]);
      if (outcome.applied) this.#onWritten(batch);
      else this.#onRefused(consumer, batch, outcome.nextOffset);
    });
  }

  #onWritten(batch: SinkBatch): void {
    const { topic, topicId, partition, nextOffset } = batch;
    this.#positions.set(keyOf(batch), { topic, topicId, partition, offset: nextOffset });
    this.#metrics.recordsWritten += batch.records.length;
    if (batch.records.length > 0) this.#metrics.batchesWritten++;
    this.#hasUncommitted = true;
  }

  #onRefused(consumer: SinkConsumer, batch: SinkBatch, nextOffset: number): void {
    const { topic, partition, fromOffset } = batch;
    this.#metrics.batchesRefused++;
    this.#logger.log("info", `the sink is at ${nextOffset} of ${topic}-${partition}, not at ${fromOffset}`);
    this.#moveTo(consumer, batch, nextOffset);
  }

  /** Waits as a member of its group, without new records: the partitions may move meanwhile. */
  async #waitForRetry(consumer: SinkConsumer, attempt: number): Promise<void> {
    await this.#backOff(attempt);
    consumer.pause(consumer.assignment());
    const records = await this.#poll(consumer, 0);
    // Partitions that have just come were not paused yet.
    for (const key of Map.groupBy(records, keyOf).keys()) {
      const position = defined(this.#positions.get(key));
      this.#moveTo(consumer, position, position.offset);
    }
    consumer.resume(consumer.assignment());
  }

  /** The target of an exactly-once sink knows where it stands, and waits for no commit. */
  async #commitWhileRunning(consumer: SinkConsumer): Promise<void> {
    if (this.#followsGroup) return this.#commitOffsets(consumer);
    this.#commit ??= this.#commitOffsets(consumer).finally(() => {
      this.#commit = undefined;
    });
  }

  async #commitLast(consumer: SinkConsumer): Promise<void> {
    if (this.#followsGroup) return this.#commitOffsets(consumer);
    const committed = Promise.resolve(this.#commit).then(() => this.#commitOffsets(consumer));
    const isLate = (): TimeoutError => new TimeoutError(`not done within ${CLOSE_TIMEOUT_MS} ms`);
    try {
      await withTimeout(this.#platform.clock, committed, CLOSE_TIMEOUT_MS, isLate);
    } catch (error) {
      this.#logger.log("debug", `the group's offsets were not stored: ${(error as Error).message}`);
    }
  }

  async #commitOffsets(consumer: SinkConsumer): Promise<void> {
    this.#nextCommitAt = this.#platform.clock.monotonic() + COMMIT_INTERVAL_MS;
    if (!this.#hasUncommitted) return;
    this.#hasUncommitted = false;
    const held = consumer.assignment().map((each) => this.#positions.get(keyOf(each)));
    // Of a topic that was made anew this would be stored for the new one.
    const offsets = held
      .filter((position) => position !== undefined)
      .filter((position) => !isOfFormerTopic(consumer, position))
      .map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    try {
      await consumer.commit(offsets);
    } catch (error) {
      this.#hasUncommitted = true;
      this.#logger.log("debug", `the group's offsets were not stored: ${(error as Error).message}`);
    }
  }
}

function closedEarly(cause: unknown): ConnectError {
  return new ConnectError("INVALID_STATE", "the sink was closed while it started", { cause });
}

function notRunning(state: SinkState): ConnectError {
  return new ConnectError("INVALID_STATE", `the sink is ${state}, and catches up with nothing`);
}

/** The consumer reads the topic under another id: it was deleted and made anew. */
function isOfFormerTopic(consumer: SinkConsumer, partition: SinkPartition): boolean {
  const topicId = consumer.topicId(partition);
  return topicId !== undefined && partition.topicId !== "" && topicId !== partition.topicId;
}

function isOutsideLog(error: unknown): boolean {
  return error instanceof OncillaError && (error.code === "LOG_TRUNCATED" || error.code === "OFFSET_OUT_OF_RANGE");
}

function isPassing(error: unknown): boolean {
  return (error instanceof ConnectError || error instanceof OncillaError) && error.retriable;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
