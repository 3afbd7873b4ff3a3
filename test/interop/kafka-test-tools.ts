// The tools with which Apache Kafka's brokers are tried, as they come with it. They say what they did; it is held against what
// others of them, and our own client, see in the log.

import { deepStrictEqual, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { produce } from "../../src/protocol/apis/produce.ts";
import { until } from "../support/until.ts";
import type { Context } from "./context.ts";
import { openFaultyProxy } from "./faulty-proxy.ts";
import { type RunningTool, type ToolEvent, type ToolScenario, type Tools, toolSuite } from "./kafka-tools.ts";
import type { Suite } from "./session.ts";
import { committedOffsets, readTopic, write } from "./truth.ts";

const stepTimeoutMs = 60_000;

/** The same texts, however they are ordered. What a difference throws says where, and not all of both. */
function sameTexts(actual: readonly string[], expected: readonly string[], what: string): void {
  const [has, wants] = [[...actual].sort(), [...expected].sort()];
  const at = wants.findIndex((text, index) => text !== has[index]);
  if (at < 0 && has.length === wants.length) return;
  const index = at < 0 ? wants.length : at;
  throw new Error(
    `${what}: ${has.length}, not ${wants.length}; first "${has[index]}" in the place of "${wants[index]}"`,
  );
}

async function settled(what: string, tools: readonly RunningTool[], condition: () => boolean): Promise<void> {
  await until(
    () => {
      for (const tool of tools) tool.check();
      return condition();
    },
    () => `not in ${stepTimeoutMs} ms: ${what}`,
    stepTimeoutMs,
  );
}

/** Where each partition ends, as kafka-get-offsets has it. */
async function endsOf(tools: Tools, topic: string): Promise<Map<number, number>> {
  const printed = await tools.attempt("kafka-get-offsets", `--topic ${topic}`);
  const lines = [...printed.matchAll(/:(\d+):(\d+)$/gm)];
  return new Map(lines.map(([, partition, offset]) => [Number(partition), Number(offset)]));
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, each) => total + each, 0);
}

/**
 * Every record that was acknowledged is seen once, while the group grows and shrinks, and answers to the producer are lost.
 */
async function verifiable(tools: Tools, context: Context, protocol: "classic" | "consumer"): Promise<string> {
  const topic = await context.createTopic(4);
  const group = context.name("group");
  const proxy = await openFaultyProxy(context.bootstrap);
  const folder = mkdtempSync(join(tmpdir(), "oncilla-verifiable-"));
  const settings = join(folder, "producer.properties");
  // Of its own accord it sends nothing twice.
  writeFileSync(settings, "enable.idempotence=true\nretries=2147483647\n");
  const consume = (): RunningTool =>
    tools.start("VerifiableConsumer", `--topic ${topic} --group-id ${group} --group-protocol ${protocol} --verbose`);
  const seenBy = (consumer: RunningTool): ToolEvent[] => consumer.named("record_data");
  const isFrom = (records: readonly ToolEvent[], partitions: number): boolean =>
    new Set(records.map(({ partition }) => partition)).size === partitions;
  const loseAnswer = (): void => proxy.faults.at(produce, 3, "lose answer");
  try {
    const args = `--topic ${topic} --throughput 400 --repeating-keys 40 --command-config ${settings}`;
    const producer = tools.start("VerifiableProducer", args, proxy.address);
    const first = consume();
    await settled("the only member sees all partitions", [producer, first], () => isFrom(seenBy(first), 4));
    loseAnswer();
    const second = consume();
    await settled("a second member sees its half", [producer, first, second], () => isFrom(seenBy(second), 2));
    loseAnswer();
    await first.stop();
    await settled("the one that stays sees all partitions", [producer, second], () => isFrom(seenBy(second), 4));
    loseAnswer();
    await settled("answers are lost", [producer, second], () => proxy.faults.hits === 3);
    await producer.stop();
    const acknowledged = producer.named("producer_send_success");
    const seen = (): ToolEvent[] => [...seenBy(first), ...seenBy(second)];
    await settled("all is seen", [second], () => seen().length >= acknowledged.length);
    await second.stop();

    const textOf = ({ partition, offset, key, value }: ToolEvent): string =>
      `offset ${offset} of ${partition}: ${key} ${value}`;
    sameTexts(seen().map(textOf), acknowledged.map(textOf), "what was seen of what was acknowledged");
    const values = new Set(acknowledged.map(({ value }) => value));
    deepStrictEqual(values.size, acknowledged.length, "values that were acknowledged");
    const ends = Map.groupBy(acknowledged, ({ partition }) => partition ?? -1);
    const counts = new Map([...ends].map(([partition, records]) => [partition, records.length] as const).sort());
    deepStrictEqual(await endsOf(tools, topic), counts, "where the log ends");
    deepStrictEqual(await committedOffsets(context.client, group), counts, "what the group has committed");
    for (const consumer of [first, second]) inOrder(seenBy(consumer));
    context.expectRecords(topic, acknowledged.length);
    const [one, other] = [seenBy(first).length, seenBy(second).length];
    return `${acknowledged.length} records, seen once by two (${one}, ${other}), ${proxy.faults.hits} answers lost`;
  } finally {
    await tools.killAll();
    await proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function inOrder(records: readonly ToolEvent[]): void {
  const last = new Map<number | undefined, number>();
  for (const { partition, offset = -1 } of records) {
    ok(offset > (last.get(partition) ?? -1), `offset ${offset} of ${partition} comes behind ${last.get(partition)}`);
    last.set(partition, offset);
  }
}

/** What copiers read and write, in partitions of `perPartition` records. */
class Copy {
  readonly group: string;
  readonly input: string;
  readonly output: string;
  readonly #context: Context;
  readonly #tools: Tools;
  readonly #perPartition: number;
  readonly #partitions: number;

  private constructor(tools: Tools, context: Context, topics: readonly [string, string], size: [number, number]) {
    this.#tools = tools;
    this.#context = context;
    [this.input, this.output] = topics;
    [this.#partitions, this.#perPartition] = size;
    this.group = context.name("group");
  }

  static async prepare(tools: Tools, context: Context, partitions: number, perPartition: number): Promise<Copy> {
    const topics = [await context.createTopic(partitions), await context.createTopic(partitions)] as const;
    const copy = new Copy(tools, context, topics, [partitions, perPartition]);
    const records = Array.from({ length: partitions * perPartition }, (_, index) => ({
      topic: copy.input,
      partition: index % partitions,
      key: `key-${index}`,
      value: `value-${index}`,
    }));
    await write(context.client, records);
    context.expectRecords(copy.input, records.length);
    return copy;
  }

  start(transactionalId: string, mode: string): RunningTool {
    const topics = `--input-topic ${this.input} --output-topic ${this.output} --consumer-group ${this.group}`;
    const how = `--transaction-size 10 --enable-random-aborts ${mode}`;
    return this.#tools.start("TransactionalMessageCopier", `${topics} --transactional-id ${transactionalId} ${how}`);
  }

  /** That the output is the input, in its order, at read_committed, to our client as to Kafka's; and that more was written. */
  async check(): Promise<string> {
    const { client } = this.#context;
    const count = this.#partitions * this.#perPartition;
    const inOrderOf = (partition: number): string[] =>
      Array.from({ length: this.#perPartition }, (_, at) => {
        const index = at * this.#partitions + partition;
        return `key-${index} value-${index}`;
      });
    const stored = await readTopic(client, this.output, "read_uncommitted");
    const committed = await readTopic(client, this.output, "read_committed");
    const ends = Array.from({ length: this.#partitions }, (_, partition) => ({
      topic: this.output,
      partition,
      key: "the",
      value: "end",
    }));
    await write(client, ends);
    const shown = await this.#tools.attempt(
      "kafka-console-consumer",
      `--topic ${this.output} --from-beginning --isolation-level read_committed --max-messages ${count + ends.length}` +
        " --timeout-ms 20000 --formatter-property print.partition=true --formatter-property print.key=true",
    );
    const lines = shown.trimEnd().split("\n");
    for (const { partition } of ends) {
      const expected = inOrderOf(partition);
      deepStrictEqual(
        committed.filter((record) => record.partition === partition).map(({ key, value }) => `${key} ${value}`),
        expected,
        `read_committed, partition ${partition}`,
      );
      const mark = `Partition:${partition}\t`;
      deepStrictEqual(
        lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length).replace("\t", " ")),
        [...expected, "the end"],
        `what the console consumer shows, partition ${partition}`,
      );
    }
    const done = ends.map(({ partition }) => [partition, this.#perPartition] as const);
    deepStrictEqual(
      new Map([...(await committedOffsets(client, this.group))].sort()),
      new Map(done),
      "the group's offsets",
    );
    ok(stored.length > count, `${stored.length} records are stored: nothing was aborted`);
    this.#context.expectRecords(this.output, stored.length + ends.length);
    return `${count} records once, ${stored.length - count} more aborted`;
  }
}

function lastWord(copier: RunningTool): ToolEvent {
  return copier.events.at(-1) ?? {};
}

async function randomAborts(tools: Tools, context: Context): Promise<string> {
  const copy = await Copy.prepare(tools, context, 2, 400);
  const copiers = [0, 1].map((partition) => copy.start(context.name("id"), `--input-partition ${partition}`));
  await Promise.all(copiers.map((copier) => copier.end()));
  for (const copier of copiers) {
    const { totalProcessed, remaining } = lastWord(copier);
    deepStrictEqual({ totalProcessed, remaining }, { totalProcessed: 400, remaining: 0 });
  }
  return copy.check();
}

/** Two share the input; whichever is first in the middle of its work dies, and another of its transactional id goes on. */
async function killedCopier(tools: Tools, context: Context): Promise<string> {
  const copy = await Copy.prepare(tools, context, 4, 600);
  const start = (id: string): RunningTool => copy.start(id, "--input-partition 0 --group-mode --use-group-metadata");
  const copiers = [context.name("id"), context.name("id")].map((id) => ({ id, copier: start(id) }));
  const isMidway = ({ totalProcessed = 0, remaining = 0 }: ToolEvent): boolean =>
    totalProcessed >= 100 && remaining >= 100;
  let victim: (typeof copiers)[number] | undefined;
  await settled("one is in the middle of its work", [], () => {
    victim = copiers.find(({ copier }) => isMidway(lastWord(copier)));
    return victim !== undefined;
  });
  ok(victim);
  await victim.copier.kill();
  const { remaining } = lastWord(victim.copier);
  const others = copiers.filter((each) => each !== victim);
  await Promise.all([start(victim.id), ...others.map(({ copier }) => copier)].map((copier) => copier.end()));
  return `${await copy.check()}; ${remaining} were left to the one that was killed`;
}

async function throughput(tools: Tools, context: Context): Promise<string> {
  const topic = await context.createTopic(3);
  const count = 20_000;
  const sent = await tools.attempt(
    "kafka-producer-perf-test",
    `--topic ${topic} --num-records ${count} --payload-monotonic --throughput -1` +
      ` --transactional-id ${context.name("id")} --transaction-duration-ms 100`,
    new RegExp(`^${count} records sent, `, "m"),
  );
  const read = await tools.attempt(
    "kafka-consumer-perf-test",
    `--topic ${topic} --num-records ${count} --command-property isolation.level=read_committed`,
    /data\.consumed\.in\.nMsg/,
  );
  // Times, megabytes, megabytes a second, records …
  deepStrictEqual(Number(read.trimEnd().split("\n").at(-1)?.split(", ")[4]), count, "records that were consumed");
  const records = await readTopic(context.client, topic, "read_committed");
  sameTexts(
    records.map(({ value }) => `${value}`),
    Array.from({ length: count }, (_, index) => `${index}`),
    "what is in the log",
  );
  context.expectRecords(topic, count);
  const markers = sum((await endsOf(tools, topic)).values()) - count;
  ok(markers > 0, "no transaction was committed");
  return `${/[\d.]+ records\/sec/.exec(sent)?.[0]} written, ${markers} markers`;
}

async function latency(tools: Tools, context: Context): Promise<string> {
  const topic = await context.createTopic(1);
  // Each record has to come back, alone, before the next one is sent.
  const printed = await tools.attempt(
    "EndToEndLatency",
    `--topic ${topic} --num-records 200 --producer-acks all --record-size 100`,
    /^Percentiles: 50th = \d+, 99th = \d+/m,
  );
  deepStrictEqual(await endsOf(tools, topic), new Map([[0, 200]]));
  context.expectRecords(topic, 200);
  return /^Avg latency: .+$/m.exec(printed)?.[0] ?? "";
}

/** It creates its topics itself, so that they have the brokers' defaults, with which next to nothing would be compacted. */
const compactingDefaults: Readonly<Record<string, string | number>> = {
  "log.roll.ms": 50,
  "log.cleaner.min.cleanable.ratio": 0.01,
  "log.cleaner.backoff.ms": 100,
};

async function compaction(tools: Tools, context: Context): Promise<string> {
  const defaults = "--entity-type brokers --entity-default --alter";
  const added = Object.entries(compactingDefaults).map(([name, value]) => `${name}=${value}`);
  const names = Object.keys(compactingDefaults);
  await tools.attempt("kafka-configs", `${defaults} --add-config ${added.join()}`, /Completed updating/);
  try {
    const printed = await tools.attempt(
      "LogCompactionTester",
      "--messages 20000 --duplicates 20 --percent-deletes 10 --topics 2 --compression-type lz4 --sleep 3",
      /^Validated [1-9]\d* values, 0 mismatches\.$/m,
      /^Data verification is completed$/m,
    );
    const topics = /to topics (\S+)/.exec(printed)?.[1]?.split(",") ?? [];
    await context.client.admin().deleteTopics(topics);
    const [, produced, consumed] = /^(\d+) rows of data produced, (\d+) rows of data consumed/m.exec(printed) ?? [];
    // How many, depends on the last segment, which is not compacted.
    ok(Number(consumed) < Number(produced), `${consumed} of ${produced} records are left: nothing was compacted`);
    return `${consumed} of ${produced} records are left`;
  } finally {
    await tools.attempt("kafka-configs", `${defaults} --delete-config ${names.join()}`);
  }
}

const scenarios: readonly ToolScenario[] = [
  {
    name: "VerifiableProducer to VerifiableConsumer, classic group",
    run: (tools, context) => verifiable(tools, context, "classic"),
  },
  {
    name: "VerifiableProducer to VerifiableConsumer, KIP-848 group",
    run: (tools, context) => verifiable(tools, context, "consumer"),
  },
  { name: "TransactionalMessageCopier with random aborts, by partition", run: randomAborts },
  { name: "TransactionalMessageCopier with random aborts, one killed", run: killedCopier },
  { name: "kafka-producer-perf-test, kafka-consumer-perf-test", run: throughput },
  { name: "EndToEndLatency", run: latency },
  { name: "LogCompactionTester", run: compaction },
];

export const kafkaTestToolsSuite: Suite = toolSuite(
  "Kafka's test tools",
  "the tools with which Apache Kafka's brokers are tried, on our broker",
  scenarios,
);
