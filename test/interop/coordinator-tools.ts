// The tools for what coordinators keep: groups, their offsets, transactions.

import { deepStrictEqual, ok } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Broker } from "../../src/broker/index.ts";
import { RawSession, type RawTopic } from "../support/raw-session.ts";
import { until } from "../support/until.ts";
import type { Context } from "./context.ts";
import type { ToolScenario, Tools } from "./kafka-tools.ts";
import { committedOffsets, readTopic, write } from "./truth.ts";

const groups = {
  classic: { type: "Classic", assignor: "range" },
  consumer: { type: "Consumer", assignor: "uniform" },
} as const;

/** A group of Kafka's own consumer: with a member, without one, and gone. */
async function consumerGroup(tools: Tools, context: Context, protocol: keyof typeof groups): Promise<string> {
  const { type, assignor } = groups[protocol];
  const { client, bootstrap } = context;
  const topic = await context.createTopic(2);
  const group = context.name("group");
  const baseTime = Date.now() - 60_000;
  const records = [...Array(15).keys()].map((index) => ({
    topic,
    partition: index < 10 ? 0 : 1,
    value: `${index}`,
    timestamp: baseTime + index * 1000,
  }));
  await write(client, records);
  context.expectRecords(topic, records.length);
  const groupTool = (args: string, ...expected: RegExp[]) => tools.attempt("kafka-consumer-groups", args, ...expected);
  /** A line of a table whose columns start like this. */
  const row = (...columns: readonly (string | number | RegExp)[]): RegExp =>
    new RegExp(`^${columns.map((each) => (each instanceof RegExp ? each.source : each)).join(" +")}( |$)`, "m");
  const committed = async (): Promise<[number, number][]> =>
    [...(await committedOffsets(client, group))].sort(([a], [b]) => a - b);

  const consumer = `--topic ${topic} --group-id ${group} --group-protocol ${protocol}`;
  const member = tools.start("VerifiableConsumer", consumer);
  await until(async () => {
    member.check();
    return (await committed()).reduce((sum, [, offset]) => sum + offset, 0) === records.length;
  });
  const from = [/\S+/, "/127\\.0\\.0\\.1", `consumer-${group}-1`];
  await Promise.all([
    groupTool("--list --type --state", row(group, type, "Stable")),
    tools.attempt("kafka-groups", "--list", row(group, type, "consumer")),
    groupTool(
      `--describe --group ${group}`,
      row(group, topic, 0, 10, 10, 0, ...from),
      row(group, topic, 1, 5, 5, 0, ...from),
    ),
    groupTool(`--describe --group ${group} --members`, row(group, ...from, 2)),
    groupTool(`--describe --group ${group} --state`, row(group, bootstrap, /\(1\)/, assignor, "Stable", 1)),
    groupTool(
      `--reset-offsets --group ${group} --to-earliest --all-topics --execute`,
      /Error: .* current state is Stable/,
    ),
    groupTool(`--delete --group ${group}`, /could not be deleted due to: .*GroupNotEmptyException/),
  ]);
  await member.stop();

  const reset = (how: string, ...expected: RegExp[]) =>
    groupTool(`--reset-offsets --group ${group} ${how}`, ...expected);
  await Promise.all([
    groupTool(`--describe --group ${group} --state`, row(group, bootstrap, /\(1\)/, /.*/, "Empty", 0)),
    groupTool("--list --state empty", row(group, "Empty")),
    reset(`--topic ${topic} --shift-by -4 --dry-run`, row(group, topic, 0, 6), row(group, topic, 1, 1)),
  ]);
  deepStrictEqual(
    await committed(),
    [
      [0, 10],
      [1, 5],
    ],
    "after a dry run",
  );
  await reset(`--topic ${topic}:0 --to-offset 3 --execute`, row(group, topic, 0, 3));
  deepStrictEqual(await committed(), [
    [0, 3],
    [1, 5],
  ]);
  const middle = new Date(baseTime + 11_500).toISOString().replace("Z", "");
  await reset(`--topic ${topic} --to-datetime ${middle} --execute`, row(group, topic, 0, 10), row(group, topic, 1, 2));
  deepStrictEqual(await committed(), [
    [0, 10],
    [1, 2],
  ]);
  await fromFile(await reset("--all-topics --to-earliest --export --dry-run"), (file) =>
    reset(`--from-file ${file} --execute`, row(group, topic, 0, 0), row(group, topic, 1, 0)),
  );
  deepStrictEqual(await committed(), [
    [0, 0],
    [1, 0],
  ]);
  await groupTool(`--delete-offsets --group ${group} --topic ${topic}:1`, row(topic, 1, "Successful"));
  deepStrictEqual(await committed(), [[0, 0]]);
  await groupTool(`--describe --group ${group}`, row(group, topic, 0, 0, 10, 10, "-", "-", "-"));
  await groupTool(`--delete --group ${group}`, new RegExp(`'${group}'.* was successful`));
  const [list] = await Promise.all([
    groupTool("--list"),
    groupTool(`--describe --group ${group}`, /does not exist|not found/),
    groupTool(`--delete --group ${group}`, /could not be deleted due to: .*GroupIdNotFoundException/),
  ]);
  ok(!list.split("\n").includes(group), "a deleted group is listed");
  return `${tools.runs} commands`;
}

async function fromFile(text: string, use: (file: string) => Promise<unknown>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-offsets-"));
  try {
    const file = join(folder, "offsets.csv");
    writeFileSync(file, text);
    await use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const hanging = "find-hanging --max-transaction-timeout 0 --topic";

/** One that its coordinator knows of, from its beginning to its end. */
async function liveTransaction(tools: Tools, context: Context): Promise<undefined> {
  const topic = await context.createTopic(1);
  const transactionalId = context.name("id");
  const txn = (args: string, ...expected: RegExp[]) => tools.attempt("kafka-transactions", args, ...expected);
  const producer = context.client.producer({ transactionalId });
  try {
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic, partition: 0, value: "one" });
    await producer.flush();
    const [listing] = await context.client.admin().listTransactions({ pattern: transactionalId });
    const id = listing?.producerId;
    const [, , , found, long] = await Promise.all([
      txn("list", new RegExp(`^${transactionalId}\\s+1\\s+${id}\\s+Ongoing`, "m")),
      txn(
        `describe --transactional-id ${transactionalId}`,
        new RegExp(`^1\\s+${transactionalId}\\s+${id}\\s+\\d+\\s+Ongoing\\s+60000\\s+\\d+\\s+\\d+\\s+${topic}-0`, "m"),
      ),
      txn(
        `describe-producers --topic ${topic} --partition 0`,
        new RegExp(`^${id}\\s+\\d+\\s+-1\\s+0\\s+\\d+\\s+0\\s*$`, "m"),
      ),
      txn(`${hanging} ${topic}`, /^Topic\s+Partition\s+ProducerId/),
      txn("list --duration-filter 3600000"),
      tools.refused(
        "kafka-transactions",
        `abort --topic ${topic} --partition 0 --start-offset 1`,
        /Could not find any open transactions starting at offset 1/,
      ),
    ]);
    deepStrictEqual(found.trim().split("\n").length, 1, `a transaction that is alive hangs: ${found}`);
    ok(!long.includes(transactionalId), "an hour has passed");
    await producer.commitTransaction();
    await Promise.all([
      txn(`describe --transactional-id ${transactionalId}`, /\sCompleteCommit\s+60000\s/),
      txn(`describe-producers --topic ${topic} --partition 0`, new RegExp(`^${id}\\s.*\\sNone\\s*$`, "m")),
    ]);
  } finally {
    await producer.close();
  }
  deepStrictEqual(
    (await readTopic(context.client, topic, "read_committed")).map(({ value }) => `${value}`),
    ["one"],
  );
  context.expectRecords(topic, 1);
  return undefined;
}

/** One that hangs is found and aborted. The topic has a record before it and one behind it. */
async function findAndAbort(tools: Tools, session: RawSession, topic: RawTopic, producerId: number): Promise<string> {
  deepStrictEqual(await session.endOffset(topic, "read_committed"), 1, "what can be read while one hangs");
  await tools.attempt(
    "kafka-transactions",
    `${hanging} ${topic.name}`,
    new RegExp(`^${topic.name}\\s+0\\s+${producerId}\\s+\\d+\\s+-1\\s+1\\s`, "m"),
  );
  await tools.attempt("kafka-transactions", `abort --topic ${topic.name} --partition 0 --start-offset 1`);
  await until(async () => (await session.endOffset(topic, "read_committed")) === 4);
  const { records, aborted } = await session.fetch(topic, { isolation: "read_committed" });
  deepStrictEqual(records, ["0:before", "1:hanging", "2:behind", "3:abort"]);
  deepStrictEqual(aborted, [{ producerId, firstOffset: 1 }]);
  const left = await tools.attempt("kafka-transactions", `${hanging} ${topic.name}`);
  deepStrictEqual(left.trim().split("\n").length, 1, `found after its end: ${left}`);
  return `${tools.runs} commands`;
}

/** Of a broker that was restored without `__transaction_state`. */
async function hangingInOwn(tools: Tools, context: Context): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "oncilla-hanging-"));
  const transactionalId = context.name("id");
  let broker = await Broker.start({ dataDir, durability: "os" });
  let session = await RawSession.open(broker.address);
  try {
    const topic = await session.createTopic("orders");
    const producer = await session.newTransactional(transactionalId);
    await session.produce(topic, ["before"]);
    await session.produce(topic, ["hanging"], { producer, transactionalId });
    await session.produce(topic, ["behind"]);
    session.close();
    await broker.stop();
    for (const name of readdirSync(dataDir)) {
      if (name.startsWith("__transaction_state")) rmSync(join(dataDir, name), { recursive: true });
    }
    broker = await Broker.start({ dataDir, durability: "os", recreateLostLogs: true });
    session = await RawSession.open(broker.address);
    return await findAndAbort(tools.at(broker.address), session, topic, producer.producerId);
  } finally {
    session.close();
    await broker.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Of Apache Kafka, which can be told to take what it does not know of. Our broker cannot. */
async function hangingInKafka(tools: Tools, context: Context): Promise<string> {
  const defaults = "--entity-type brokers --entity-default --alter";
  const verification = "transaction.partition.verification.enable";
  await tools.attempt("kafka-configs", `${defaults} --add-config ${verification}=false`);
  const session = await RawSession.open(context.bootstrap);
  try {
    const name = await context.createTopic(1);
    const [description] = await context.client.admin().describeTopics([name]);
    const topic = { name, id: description?.topicId ?? "" };
    const transactionalId = context.name("id");
    const producer = await session.newTransactional(transactionalId);
    await session.produce(topic, ["before"]);
    // The last version before transactions v2, in which Produce itself puts the partition into the transaction.
    const { error } = await session.produce(topic, ["hanging"], { producer, transactionalId, version: 11 });
    deepStrictEqual(error, "NONE");
    await session.produce(topic, ["behind"]);
    return await findAndAbort(tools, session, topic, producer.producerId);
  } finally {
    session.close();
    await tools.attempt("kafka-configs", `${defaults} --delete-config ${verification}`);
  }
}

export const coordinatorScenarios: readonly ToolScenario[] = [
  {
    name: "kafka-consumer-groups and kafka-groups, classic",
    run: (tools, context) => consumerGroup(tools, context, "classic"),
  },
  {
    name: "kafka-consumer-groups and kafka-groups, consumer protocol",
    run: (tools, context) => consumerGroup(tools, context, "consumer"),
  },
  { name: "kafka-transactions: one that is alive", run: liveTransaction },
  {
    name: "kafka-transactions: one that hangs",
    run: (tools, context, { isOwnBroker }) =>
      isOwnBroker === true ? hangingInOwn(tools, context) : hangingInKafka(tools, context),
  },
];
