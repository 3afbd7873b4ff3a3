/** What a script says to one of the two brokers. Each call is a step, and its answer a line of the transcript. */
import { setTimeout as sleep } from "node:timers/promises";
import { apiVersions } from "../../../src/protocol/apis/api-versions.ts";
import { describeGroups } from "../../../src/protocol/apis/describe-groups.ts";
import { describeTransactions } from "../../../src/protocol/apis/describe-transactions.ts";
import { listOffsets } from "../../../src/protocol/apis/list-offsets.ts";
import { type ErrorName, errorCodes } from "../../../src/protocol/errors.ts";
import type { Api, RequestBody, ResponseOf } from "../../../src/protocol/schema.ts";
import { RawClient } from "../../support/raw-client.ts";
import { RawSession, type RawTopic } from "../../support/raw-session.ts";
import { type Canonical, Canonicalizer } from "./canonical.ts";

export type SideName = "oncilla" | "apache";

export interface Step {
  /** What was asked: the API, its version, and what the script says about it. */
  readonly question: string;
  readonly answer: Canonical;
}

/** A line of the transcript. What a broker answered has names for the broker's ids only in the transcript as a whole. */
interface Line {
  readonly question: string;
  answer: { readonly text: Canonical } | { readonly response: unknown };
}

export interface AskOptions {
  /** Of its own for whoever waits for an answer: a broker takes the requests of one connection one by one. */
  readonly connection?: string;
  /** What makes the step different from others of its kind. */
  readonly note?: string;
  /** Errors that go away by themselves, for a while. */
  readonly retry?: readonly ErrorName[];
}

/** A completion takes a broker some time, and how much is its own affair. */
const passing: readonly ErrorName[] = [
  "CONCURRENT_TRANSACTIONS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "NOT_ENOUGH_REPLICAS",
];
const PATIENCE_MS = 15_000;
const PAUSE_MS = 10;
/** How many answers prove that a broker has taken in what was sent before. Apache Kafka may read two connections in any order once. */
const PROBES = 3;

export class Side {
  readonly name: SideName;
  readonly epochMs: number;
  readonly #lines: Line[] = [];
  #transcript: readonly Step[] | undefined;
  readonly #topicIds: string[] = [];
  readonly #address: string;
  readonly #prefix: string;
  readonly #connections = new Map<string, Promise<RawClient>>();
  #isClosed = false;
  #wasLate = false;

  /** `prefix` keeps this script's names apart from those of all others, also of earlier runs. */
  constructor(name: SideName, address: string, prefix: string, epochMs: number) {
    this.name = name;
    this.epochMs = epochMs;
    this.#address = address;
    this.#prefix = prefix;
  }

  /** The steps so far. Ids are named in the order of the questions: answers of several connections come in any order. */
  get transcript(): readonly Step[] {
    if (!this.#transcript) {
      const canonicalizer = this.#newCanonicalizer();
      this.#transcript = this.#lines.map(({ question, answer }) => ({
        question,
        answer: "text" in answer ? answer.text : canonicalizer.canonical(answer.response),
      }));
    }
    return this.#transcript;
  }

  /** Whether something took longer than it may. What the broker answered says nothing then. */
  get wasLate(): boolean {
    return this.#wasLate;
  }

  /** Something that must be over sooner than a time that the broker measures. */
  async inTime<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    try {
      return await work();
    } finally {
      this.expectWithin(limitMs, startedAtMs);
    }
  }

  expectWithin(limitMs: number, startedAtMs: number): void {
    if (performance.now() - startedAtMs > limitMs) this.#wasLate = true;
  }

  #newCanonicalizer(): Canonicalizer {
    const canonicalizer = new Canonicalizer(this.#prefix, this.epochMs);
    for (const topicId of this.#topicIds) canonicalizer.introduceTopic(topicId);
    return canonicalizer;
  }

  #setAnswer(line: Line, answer: Line["answer"]): void {
    line.answer = answer;
    this.#transcript = undefined;
  }

  unique(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** A name as it is in scripts. */
  plain(name: string): string {
    return name.replaceAll(this.#prefix, "");
  }

  owns(name: string): boolean {
    return name.startsWith(this.#prefix);
  }

  async createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<RawTopic> {
    return this.quietly(async (session) => {
      const topic = await session.createTopic(this.unique(name), partitions, configs);
      this.#topicIds.push(topic.id);
      for (let partition = 0; partition < partitions; partition++) await this.untilLed(topic, partition);
      return topic;
    });
  }

  /** Waits until the broker leads a partition: in Apache Kafka a moment after it was made. */
  async untilLed(topic: RawTopic, partition: number): Promise<void> {
    await this.#untilListed(topic, partition, "NONE");
  }

  /** Waits until the broker knows no more of a topic, likewise. */
  async untilGone(topic: RawTopic): Promise<void> {
    await this.#untilListed(topic, 0, "UNKNOWN_TOPIC_OR_PARTITION");
  }

  async #untilListed({ name }: RawTopic, partitionIndex: number, error: ErrorName): Promise<void> {
    const topics = [{ name, partitions: [{ partitionIndex, timestamp: -1 }] }];
    await this.until(`${name}-${partitionIndex}: ${error}`, async () => {
      const answer = await this.peek(listOffsets, 7, { replicaId: -1, isolationLevel: 0, topics });
      return answer.topics[0]?.partitions[0]?.errorCode === errorCodes[error];
    });
  }

  /** What leads to where the script begins: no steps. */
  async quietly<T>(work: (session: RawSession) => Promise<T>): Promise<T> {
    const session = await RawSession.open(this.#address);
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  /** One request, one answer, one line: what `select` takes from it. Throws when the broker closes the connection
   * instead; that is a line too. */
  async ask<A extends Api>(
    api: A,
    version: number,
    body: RequestBody<A>,
    options: AskOptions = {},
    select: (response: ResponseOf<A>) => unknown = (response) => response,
  ): Promise<ResponseOf<A>> {
    const { connection = "main", note, retry = passing } = options;
    const line = this.#add(`${api.name} v${version}${note ? `: ${note}` : ""}`, "no answer");
    const patience = performance.now() + PATIENCE_MS;
    for (;;) {
      const response = await this.#request(api, version, body, connection).catch((error: unknown) => {
        this.#setAnswer(line, { text: "closed the connection" });
        this.#connections.delete(connection);
        throw new Error(`${line.question}: ${error instanceof Error ? error.message : String(error)}`);
      });
      const selected = select(response);
      if (performance.now() > patience || !mentions(this.#newCanonicalizer().canonical(selected), retry)) {
        this.#setAnswer(line, { response: selected });
        return response;
      }
      await sleep(PAUSE_MS);
    }
  }

  /** A line that is no single answer. */
  record(question: string, answer: Canonical): void {
    this.#add(question, answer);
  }

  #add(question: string, text: Canonical): Line {
    const line: Line = { question, answer: { text } };
    this.#lines.push(line);
    this.#transcript = undefined;
    return line;
  }

  /** Asks on the side, which is no step. */
  peek<A extends Api>(api: A, version: number, body: RequestBody<A>): Promise<ResponseOf<A>> {
    return this.#request(api, version, body, "watch");
  }

  /** Waits until the broker has taken in what was asked so far, and has answered what it does not keep waiting. `probe`: a request
   * that goes the same way and is answered behind what that has written. */
  async untilTakenIn(probe: () => Promise<unknown>): Promise<void> {
    for (;;) {
      await Promise.all(this.#connections.values());
      const asked = this.#lines.length;
      for (let i = 0; i < PROBES; i++) await probe();
      if (this.#lines.length === asked) return;
    }
  }

  /** Waits until a transaction is complete, which is no step. */
  async settled(transactionalId: string): Promise<void> {
    await this.until(`${transactionalId} is settled`, async () => {
      const body = { transactionalIds: [transactionalId] };
      const [state] = (await this.#request(describeTransactions, 0, body, "watch")).transactionStates;
      return !state?.transactionState.startsWith("Prepare");
    });
  }

  async untilTransaction(transactionalId: string, state: string): Promise<void> {
    await this.until(`${transactionalId} is ${state}`, async () => {
      const body = { transactionalIds: [transactionalId] };
      const answer = await this.#request(describeTransactions, 0, body, "watch");
      return answer.transactionStates[0]?.transactionState === state;
    });
  }

  async untilGroup(groupId: string, state: string, members: number): Promise<void> {
    await this.until(`${groupId} is ${state} with ${members} members`, async () => {
      const [group] = (await this.#request(describeGroups, 5, { groups: [groupId] }, "watch")).groups;
      return group?.groupState === state && group.members.length === members;
    });
  }

  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const patience = performance.now() + 2 * PATIENCE_MS;
    while (!(await isTrue())) {
      if (performance.now() > patience) throw new Error(`never came about: ${what}`);
      await sleep(PAUSE_MS);
    }
  }

  /** Does something on the side again and again until the side is closed, which is no step: after pauses, and the next time in
   * `limitMs` at the latest. */
  keepDoing(pauseMs: number, limitMs: number, work: () => Promise<unknown>): void {
    const go = async (): Promise<void> => {
      let startedAtMs = performance.now();
      while (!this.#isClosed) {
        const nextAtMs = performance.now();
        await work().catch(() => {});
        if (!this.#isClosed) this.expectWithin(limitMs, startedAtMs);
        startedAtMs = nextAtMs;
        await sleep(pauseMs, undefined, { ref: false });
      }
    };
    void go();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) (await connection).close();
  }

  async #request<A extends Api>(
    api: A,
    version: number,
    body: RequestBody<A>,
    connection: string,
  ): Promise<ResponseOf<A>> {
    let client = this.#connections.get(connection);
    if (!client) {
      client = this.#connect();
      this.#connections.set(connection, client);
    }
    return (await client).send(api, version, body);
  }

  /** A connection that the broker has taken on, and not only its operating system. */
  async #connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.#address);
    await client.send(apiVersions, 0, {});
    return client;
  }
}

function mentions(answer: Canonical, errors: readonly ErrorName[]): boolean {
  if (typeof answer === "string") return errors.some((error) => error === answer);
  if (Array.isArray(answer)) return answer.some((each) => mentions(each, errors));
  return typeof answer === "object" && answer !== null && Object.values(answer).some((each) => mentions(each, errors));
}
