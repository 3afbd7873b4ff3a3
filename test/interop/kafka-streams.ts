// Kafka Streams counts words on the broker with exactly_once_v2, and is killed while it does.

import { ok } from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "../support/until.ts";
import { killGroup, start } from "./children.ts";
import type { Context } from "./context.ts";
import { javaClient } from "./java-client.ts";
import { needJavaClient } from "./scenarios.ts";
import type { Suite } from "./session.ts";
import { kafkaVersion, log4jConfig } from "./toolchain.ts";
import { readTopic, write } from "./truth.ts";

const partitions = 4;
const vocabulary = ["to", "be", "or", "not", "that", "is", "the", "question", "whether", "tis", "nobler", "in", "mind"];
const stepTimeoutMs = 90_000;

/** The words of a line follow from its number. */
function lineOf(number: number): string {
  return [1, 3, 5, 7, 11].map((step) => vocabulary[(number * step + step) % vocabulary.length]).join(" ");
}

/** One JVM that counts. Its state survives it, in a folder of its own. */
class Instance {
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  #state = "starting";

  constructor(classpath: string, context: Context, options: Readonly<Record<string, string>>) {
    const java = [
      "-Xmx256m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      `-Dlog4j2.configurationFile=${log4jConfig}`,
    ];
    const settings = Object.entries({ bootstrap: context.bootstrap, ...options }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const args = [...java, "-cp", classpath, "interop.WordCount", "run", ...settings];
    this.#child = start("java", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#said.push(chunk.toString("utf8")));
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        const { state, failure } = JSON.parse(line) as { state?: string; failure?: string };
        if (state !== undefined) this.#state = state;
        if (failure !== undefined) this.#said.push(failure);
      });
    }
  }

  get isRunning(): boolean {
    return this.#state === "RUNNING";
  }

  /** Throws when it ended by itself, or failed. */
  check(): void {
    const ended = this.#child.exitCode !== null || ["ERROR", "NOT_RUNNING"].includes(this.#state);
    if (ended) throw new Error(`Kafka Streams is ${this.#state}\n${this.#said.join("").slice(-3000)}`);
  }

  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    killGroup(this.#child);
    await closed;
  }
}

async function wordCount(context: Context, groupProtocol: "classic" | "streams"): Promise<string> {
  const classpath = await javaClient();
  const input = await context.createTopic(partitions);
  const output = await context.createTopic(partitions);
  const application = context.name("words");
  const admin = context.client.admin();
  const folders = mkdtempSync(join(tmpdir(), "oncilla-streams-"));
  const drop = (): void => rmSync(folders, { recursive: true, force: true });
  process.once("exit", drop);
  const running = new Map<string, Instance>();
  let lines = 0;

  const launch = (name: string): void => {
    const options = {
      "application-id": application,
      input,
      output,
      "state-dir": join(folders, name),
      "group-protocol": groupProtocol,
    };
    running.set(name, new Instance(classpath, context, options));
  };
  const feed = async (count: number): Promise<void> => {
    const numbers = Array.from({ length: count }, () => lines++);
    await write(
      context.client,
      numbers.map((number) => ({ topic: input, partition: number % partitions, value: lineOf(number) })),
    );
  };
  const ends = async (isolationLevel: "read_committed" | "read_uncommitted"): Promise<number> => {
    const all = Array.from({ length: partitions }, (_, partition) => ({
      topic: output,
      partition,
      spec: "latest" as const,
    }));
    return (await admin.listOffsets(all, { isolationLevel })).reduce((sum, { offset }) => sum + offset, 0);
  };
  const settled = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> =>
    until(
      () => {
        for (const instance of running.values()) instance.check();
        return condition();
      },
      () => `not in ${stepTimeoutMs} ms: ${what}`,
      stepTimeoutMs,
    );
  /** Feeds until a transaction with output is open, and kills the process in the middle of it. */
  const killMidway = async (name: string): Promise<void> => {
    const before = await ends("read_committed");
    await settled("some output is committed, and more is open", async () => {
      await feed(50);
      const committed = await ends("read_committed");
      return committed > before + 500 && (await ends("read_uncommitted")) > committed;
    });
    await running.get(name)?.kill();
    running.delete(name);
  };
  const committedWords = async (): Promise<Map<string, number[]>> => {
    const counts = new Map<string, number[]>();
    for (const { key, value } of await readTopic(context.client, output, "read_committed")) {
      const word = `${key}`;
      counts.set(word, [...(counts.get(word) ?? []), Number(`${value}`)]);
    }
    return counts;
  };

  try {
    launch("a");
    await settled("the first instance runs", () => running.get("a")?.isRunning === true);
    await killMidway("a");
    launch("a");
    await killMidway("a");
    launch("a");
    launch("b");
    await settled("both instances run", () => [...running.values()].every((instance) => instance.isRunning));
    await feed(200);
    await killMidway("b");
    await feed(200);

    const expected = new Map<string, number>();
    for (let number = 0; number < lines; number++) {
      for (const word of lineOf(number).split(" ")) expected.set(word, (expected.get(word) ?? 0) + 1);
    }
    const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
    await settled("every word is counted", async () => {
      const shown = [...(await committedWords()).values()].reduce((sum, counts) => sum + counts.length, 0);
      return shown >= total;
    });
    for (const [word, counts] of await committedWords()) {
      ok(counts.length === expected.get(word), `${word} was counted ${counts.length} times, not ${expected.get(word)}`);
      counts.forEach((count, index) => {
        ok(count === index + 1, `count ${index + 1} of ${word} is ${count}`);
      });
    }
    const table = new Map<string, number>();
    for (const { key, value } of await readTopic(context.client, `${application}-counts-changelog`, "read_committed")) {
      table.set(`${key}`, Number(value?.readBigInt64BE()));
    }
    for (const [word, count] of expected)
      ok(table.get(word) === count, `the changelog has ${table.get(word)} for ${word}`);
    const stored = (await readTopic(context.client, output, "read_uncommitted")).length;
    ok(stored > total, "no record was ever aborted: nothing was killed midway");
    return `${lines} lines, ${total} words counted once through 3 kills, ${stored - total} counts aborted`;
  } finally {
    for (const instance of running.values()) await instance.kill();
    drop();
    process.removeListener("exit", drop);
    await admin.close();
  }
}

export const kafkaStreamsSuite: Suite = {
  about: "Kafka Streams: exactly_once_v2, killed midway",
  async run(session) {
    await session.check("kafka-streams", "word count, exactly_once_v2, killed", async () => {
      await needJavaClient();
      session.clients.set("kafka-streams", { version: kafkaVersion(), isCommon: false });
      return wordCount(await session.context(), "classic");
    });
    await session.check("kafka-streams", "the same with the broker's assignment (KIP-1071)", async () => {
      await needJavaClient();
      session.clients.set("kafka-streams", { version: kafkaVersion(), isCommon: false });
      return wordCount(await session.context(), "streams");
    });
  },
};
