// A client of others as a child process that does one thing after the other, as it is told.
//
// Its program (in clients/) prints `{"client": …, "version": …}`, then reads one command a line and answers each with
// one line: what the command asks for, or `{"error": …}` with the client's own words. It knows nothing of scenarios, so
// that these are written once, in common-scenarios.ts, and checked in one place. It ends when its input does.

import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { killGroup, start } from "./children.ts";
import type { Codec, InteropRecord } from "./records.ts";

export interface Launch {
  command: string;
  args: readonly string[];
  /** For clients that cannot write a header without a value. */
  lacksNullHeaders?: boolean;
}

export interface ProducerSettings {
  idempotent: boolean;
  compression: Codec;
  /** Makes it transactional; `open` then ends what an earlier producer of that id left open. */
  transactionalId: string | null;
  /** Aim for batches of this size at most, where the client has such a setting. */
  batchBytes: number;
}

export interface ConsumerSettings {
  group: string;
  topics: readonly string[];
  isolation: "read_committed" | "read_uncommitted";
  protocol: "classic" | "consumer";
  /** With the consumer protocol (KIP-848), the broker's. */
  assignor: "range" | "roundrobin" | "sticky" | "cooperative-sticky" | "uniform";
}

export interface Position {
  topic: string;
  partition: number;
  offset: number;
}

export interface TopicRecord extends InteropRecord {
  topic: string;
}

export interface ReadRecord extends TopicRecord {
  offset: number;
}

/** A record in JSON: bytes in base64. Headers are pairs of name and value. */
export interface WireRecord {
  topic: string;
  partition: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: readonly (readonly [string, string | null])[];
}

/** What a command throws when the client refuses it. */
export class ClientError extends Error {}

const answerTimeoutMs = 60_000;

export class Driver {
  /** The client's, as the program says it. */
  readonly version: string;
  readonly #launch: Launch;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #stderr: Buffer[];

  private constructor(
    launch: Launch,
    child: ChildProcess,
    answers: AsyncIterator<string>,
    stderr: Buffer[],
    version: string,
  ) {
    this.#launch = launch;
    this.#child = child;
    this.#answers = answers;
    this.#stderr = stderr;
    this.version = version;
  }

  static async start(launch: Launch): Promise<Driver> {
    const child = start(launch.command, launch.args, { stdio: "pipe" });
    const stderr: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A program that is gone is noticed by its output's end.
    child.stdin?.on("error", () => {});
    if (child.stdout === null) throw new Error("no standard output");
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const driver = new Driver(launch, child, answers, stderr, "");
    const { version } = (await driver.#answer("its greeting")) as { version: string };
    return new Driver(launch, child, answers, stderr, version);
  }

  /** Closes what was open before, and opens a producer, a consumer or both. */
  async open(
    bootstrap: string,
    clients: { producer?: Partial<ProducerSettings>; consumer?: Partial<ConsumerSettings> },
  ): Promise<void> {
    const producer = clients.producer && {
      idempotent: true,
      compression: "none",
      transactionalId: null,
      batchBytes: 16_384,
      ...clients.producer,
    };
    const consumer = clients.consumer && {
      isolation: "read_committed",
      protocol: "classic",
      assignor: "range",
      ...clients.consumer,
    };
    await this.#ask({ do: "open", bootstrap, producer: producer ?? null, consumer: consumer ?? null });
  }

  /** Leaves the group, ends the producer. */
  async close(): Promise<void> {
    await this.#ask({ do: "close" });
  }

  /** The records as this client can write them. */
  writable(records: readonly TopicRecord[]): readonly TopicRecord[] {
    if (this.#launch.lacksNullHeaders !== true) return records;
    return records.map((record) => ({ ...record, headers: record.headers.filter(({ value }) => value !== null) }));
  }

  /** Sends all of them and waits for every acknowledgement. Gives their offsets. */
  async send(records: readonly TopicRecord[]): Promise<number[]> {
    const { offsets } = await this.#ask({ do: "send", records: records.map(toWire) });
    return offsets as number[];
  }

  async begin(): Promise<void> {
    await this.#ask({ do: "begin" });
  }

  /** Puts positions of the consumer's group into the transaction. */
  async sendOffsets(offsets: readonly Position[]): Promise<void> {
    await this.#ask({ do: "sendOffsets", offsets });
  }

  async commit(): Promise<void> {
    await this.#ask({ do: "commit" });
  }

  async abort(): Promise<void> {
    await this.#ask({ do: "abort" });
  }

  /** At most `max` records of what arrived, after at most about `timeoutMs`, and the partitions that the member has now. */
  async poll(timeoutMs: number, max = 500): Promise<{ records: ReadRecord[]; assigned: Omit<Position, "offset">[] }> {
    const answer = (await this.#ask({ do: "poll", timeoutMs, max })) as {
      records: (WireRecord & { offset: number })[];
      assigned: Omit<Position, "offset">[];
    };
    return { records: answer.records.map(fromWire), assigned: answer.assigned };
  }

  /** Commits positions of the group, outside of any transaction. */
  async commitOffsets(offsets: readonly Position[]): Promise<void> {
    await this.#ask({ do: "commitOffsets", offsets });
  }

  /** Ends the program, whatever its state. */
  kill(): void {
    killGroup(this.#child);
  }

  async #ask(command: Record<string, unknown>): Promise<Record<string, unknown>> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const answer = await this.#answer(String(command.do));
    if (typeof answer.error === "string") throw new ClientError(`${String(command.do)}: ${answer.error}`);
    return answer;
  }

  async #answer(what: string): Promise<Record<string, unknown>> {
    const timer = setTimeout(() => killGroup(this.#child), answerTimeoutMs);
    const next = await this.#answers.next();
    clearTimeout(timer);
    if (next.done !== true) return JSON.parse(next.value) as Record<string, unknown>;
    const said = Buffer.concat(this.#stderr).toString("utf8").slice(-3000);
    throw new Error(`the program ended, or was ended after ${answerTimeoutMs} ms, before it answered ${what}\n${said}`);
  }
}

const base64 = (bytes: Buffer | null): string | null => bytes?.toString("base64") ?? null;
const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, "base64"));

function toWire({ topic, partition, timestamp, key, value, headers }: TopicRecord): WireRecord {
  return {
    topic,
    partition,
    timestamp,
    key: base64(key),
    value: base64(value),
    headers: headers.map((header) => [header.key, base64(header.value)] as const),
  };
}

function fromWire(record: WireRecord & { offset: number }): ReadRecord {
  return {
    ...record,
    key: bytes(record.key),
    value: bytes(record.value),
    headers: record.headers.map(([key, value]) => ({ key, value: bytes(value) })),
  };
}
