// What the clients of others do with a broker, and what must come of it.

import { deepStrictEqual, ok } from "node:assert/strict";
import type { Context } from "./context.ts";
import { isCurrent } from "./extract-messages.ts";
import { consumeWithJava, type JavaOptions, javaClient, produceWithJava, runJava } from "./java-client.ts";
import {
  consumeWithKcat,
  consumeWithKcatGroup,
  type KcatMessage,
  kcatMetadata,
  kcatOffset,
  kcatVersion,
  produceWithKcat,
} from "./kcat.ts";
import { letJavaReadOurs } from "./record-batches.ts";
import { byPartition, type Codec, codecs, describeRecord, expectedRecords, type InteropRecord } from "./records.ts";
import { need } from "./requirements.ts";
import { NotRun, type Suite, Unsupported } from "./session.ts";
import { kafkaVersion } from "./toolchain.ts";

export interface Scenario {
  client: string;
  name: string;
  needs: readonly ("java" | "kcat")[];
  /** Throws when anything is not as it must be; what it returns is shown. */
  run(context: Context): Promise<string>;
}

const partitions = 4;
const count = 400;
/** Enough for batches of several compression blocks (snappy's are 32 KiB here, lz4's 64 KiB). */
const valueSize = 700;

function sameRecords(
  actual: readonly (InteropRecord & { offset: number })[],
  expected: readonly InteropRecord[],
): void {
  const sorted = byPartition(actual);
  deepStrictEqual(sorted.map(describeRecord), byPartition(expected).map(describeRecord));
  const next = new Map<number, number>();
  for (const record of sorted) {
    const offset = next.get(record.partition) ?? 0;
    deepStrictEqual(record.offset, offset, `offset in partition ${record.partition}`);
    next.set(record.partition, offset + 1);
  }
}

function javaScenario(name: string, scenario: string, options: (context: Context) => Promise<JavaOptions>): Scenario {
  return {
    client: "java",
    name,
    needs: ["java"],
    async run(context) {
      const result = await runJava(scenario, context.bootstrap, await options(context));
      if (!result.ok) throw new Error(`${String(result.verdict.error)}\n${result.stderr}`);
      const { ok: _, ...found } = result.verdict;
      const text = JSON.stringify(found);
      return text.length > 100 ? `${text.slice(0, 100)}…` : text;
    },
  };
}

/** For what a broker may leave out: "not supported" is then an answer, and no failure. */
function optional(scenario: Scenario): Scenario {
  const run = async (context: Context): Promise<string> => {
    try {
      return await scenario.run(context);
    } catch (error) {
      const refused = /UnsupportedVersionException|SecurityDisabledException/.test(String(error));
      throw refused ? new Unsupported("the broker does not serve this yet") : error;
    }
  };
  return { ...scenario, run };
}

function javaCodec(codec: Codec): Scenario {
  return {
    client: "java",
    name: `idempotent produce and consume, ${codec}`,
    needs: ["java"],
    async run(context) {
      const topic = await context.createTopic(partitions);
      context.expectRecords(topic, count);
      const { baseTime } = await produceWithJava(context.bootstrap, topic, { count, valueSize, compression: codec });
      const records = await consumeWithJava(context.bootstrap, topic, "read_committed");
      sameRecords(records, expectedRecords(count, partitions, valueSize, baseTime));
      return `${records.length} records`;
    },
  };
}

function javaToKcat(codec: Codec): Scenario {
  return {
    client: "java to kcat",
    name: `kcat reads what Java wrote, ${codec}`,
    needs: ["java", "kcat"],
    async run(context) {
      const topic = await context.createTopic(partitions);
      context.expectRecords(topic, count);
      const { baseTime } = await produceWithJava(context.bootstrap, topic, { count, valueSize, compression: codec });
      const records = await consumeWithKcat(context.bootstrap, topic, "read_committed");
      sameRecords(records, expectedRecords(count, partitions, valueSize, baseTime));
      return `${records.length} records`;
    },
  };
}

function kcatMessages(): KcatMessage[] {
  return expectedRecords(count, 1, valueSize, 0).map((record, index) => ({
    key: record.key === null ? null : record.key.toString(),
    value: record.value === null ? `value-${index}` : record.value.toString(),
  }));
}

/** kcat chooses partitions and timestamps itself; keys, values and headers are known, and the order in a partition. */
function sameMessages(records: readonly (InteropRecord & { offset: number })[], sent: readonly KcatMessage[]): void {
  const position = new Map(sent.map((message, index) => [message.value, index]));
  const last = new Map<number, number>();
  const received = new Map<string, KcatMessage>();
  for (const record of records) {
    const message = { key: record.key?.toString() ?? null, value: record.value?.toString() ?? "" };
    deepStrictEqual(record.headers, [{ key: "origin", value: Buffer.from("kcat") }]);
    const index = position.get(message.value) ?? -1;
    ok(index > (last.get(record.partition) ?? -1), `${message.value} is out of order or unknown`);
    last.set(record.partition, index);
    received.set(message.value, message);
  }
  deepStrictEqual(records.length, sent.length);
  deepStrictEqual(
    sent.map((message) => received.get(message.value)),
    sent,
  );
}

function kcatCodec(codec: Codec): Scenario {
  return {
    client: "kcat",
    name: `idempotent produce and consume, ${codec}`,
    needs: ["kcat"],
    async run(context) {
      const topic = await context.createTopic(partitions);
      context.expectRecords(topic, count);
      const sent = kcatMessages();
      const properties = ["enable.idempotence=true"];
      await produceWithKcat(context.bootstrap, topic, sent, { compression: codec, properties });
      const records = await consumeWithKcat(context.bootstrap, topic, "read_committed");
      sameMessages(records, sent);
      return `${records.length} records`;
    },
  };
}

function kcatToJava(codec: Codec): Scenario {
  return {
    client: "kcat to java",
    name: `Java reads what kcat wrote, ${codec}`,
    needs: ["java", "kcat"],
    async run(context) {
      const topic = await context.createTopic(partitions);
      context.expectRecords(topic, count);
      const sent = kcatMessages();
      await produceWithKcat(context.bootstrap, topic, sent, { compression: codec });
      const records = await consumeWithJava(context.bootstrap, topic, "read_committed");
      sameMessages(records, sent);
      return `${records.length} records`;
    },
  };
}

/**
 * Reads until everything is there, since a commit is answered before its markers are in every partition. What comes
 * back is checked by the caller.
 */
async function readAtLeast<T>(wanted: number, read: () => Promise<T[]>): Promise<T[]> {
  const deadline = performance.now() + 10_000;
  let records = await read();
  while (records.length < wanted && performance.now() < deadline) records = await read();
  return records;
}

const largeRecords: Scenario = {
  client: "java",
  name: "records of 900 KB",
  needs: ["java"],
  async run(context) {
    const topic = await context.createTopic(2);
    const large = { count: 8, valueSize: 900_000 };
    const { baseTime } = await produceWithJava(context.bootstrap, topic, large);
    const records = await consumeWithJava(context.bootstrap, topic, "read_uncommitted");
    sameRecords(records, expectedRecords(large.count, 2, large.valueSize, baseTime));
    return `${records.length} records`;
  },
};

const javaTransactionsInKcat: Scenario = {
  client: "java to kcat",
  name: "kcat sees Java's committed transactions only",
  needs: ["java", "kcat"],
  async run(context) {
    const topic = await context.createTopic(partitions);
    const options = { topic, "transactional-id": context.name("id") };
    const { ok: written, verdict, stderr } = await runJava("transactions", context.bootstrap, options);
    if (!written) throw new Error(`${String(verdict.error)}\n${stderr}`);
    const committed = verdict.committed as string[];
    const aborted = verdict.aborted as string[];
    const all = [...committed, ...aborted];
    for (const [isolation, expected] of [
      ["read_committed", committed],
      ["read_uncommitted", all],
    ] as const) {
      const read = () => consumeWithKcat(context.bootstrap, topic, isolation);
      const records = await readAtLeast(expected.length, read);
      deepStrictEqual(records.map((record) => record.value?.toString()).sort(), [...expected].sort(), isolation);
    }
    return `${committed.length} committed, ${aborted.length} aborted`;
  },
};

const kcatTransaction: Scenario = {
  client: "kcat",
  name: "transactional produce",
  needs: ["kcat"],
  async run(context) {
    const topic = await context.createTopic(partitions);
    const sent = kcatMessages();
    const properties = [`transactional.id=${context.name("id")}`];
    await produceWithKcat(context.bootstrap, topic, sent, { properties });
    const read = () => consumeWithKcat(context.bootstrap, topic, "read_committed");
    sameMessages(await readAtLeast(sent.length, read), sent);
    return `${sent.length} records`;
  },
};

const kcatGroup: Scenario = {
  client: "kcat",
  name: "group commits and resumes",
  needs: ["kcat"],
  async run(context) {
    const topic = await context.createTopic(partitions);
    const group = context.name("group");
    const sent = kcatMessages();
    await produceWithKcat(context.bootstrap, topic, sent);
    const first = await consumeWithKcatGroup(context.bootstrap, topic, group, 150);
    const second = await consumeWithKcatGroup(context.bootstrap, topic, group, count - 150);
    sameMessages([...first, ...second], sent);
    return `${first.length} records, then ${second.length}`;
  },
};

const kcatList: Scenario = {
  client: "kcat",
  name: "metadata",
  needs: ["kcat"],
  async run(context) {
    const topic = await context.createTopic(3);
    const metadata = await kcatMetadata(context.bootstrap);
    ok(metadata.brokers.length > 0);
    const ids = new Set(metadata.brokers.map((broker) => broker.id));
    const listed = metadata.topics.find((candidate) => candidate.topic === topic)?.partitions ?? [];
    deepStrictEqual(listed.map((partition) => partition.partition).sort(), [0, 1, 2]);
    ok(listed.every((partition) => ids.has(partition.leader)));
    return `${metadata.brokers.length} broker(s), ${metadata.topics.length} topics`;
  },
};

const kcatTimestamps: Scenario = {
  client: "java to kcat",
  name: "offsets for timestamps",
  needs: ["java", "kcat"],
  async run(context) {
    const topic = await context.createTopic(1);
    const { baseTime } = await produceWithJava(context.bootstrap, topic, { count: 50 });
    deepStrictEqual(await kcatOffset(context.bootstrap, topic, 0, baseTime - 1000), 0);
    deepStrictEqual(await kcatOffset(context.bootstrap, topic, 0, baseTime + 20), 20);
    return "2 look-ups";
  },
};

/** What our protocol layer says, against the Java client without a broker in between. */
const protocolScenarios: readonly Scenario[] = [
  {
    client: "java",
    name: "the facts our schemas are compared with are its own",
    needs: ["java"],
    async run() {
      ok(await isCurrent(), "test/golden/kafka-messages.json differs from the jars; run extract-messages.ts");
      return "kafka-messages.json";
    },
  },
  {
    client: "java",
    name: "reads our record batches in every codec",
    needs: ["java"],
    async run() {
      return `${await letJavaReadOurs()} records`;
    },
  },
];

export const scenarios: readonly Scenario[] = [
  ...protocolScenarios,
  javaScenario("cluster, log dirs and features", "admin-cluster", async () => ({})),
  javaScenario("elections, reassignments, quorum, features", "admin-operators", async (c) => ({
    topic: await c.createTopic(1),
  })),
  javaScenario("create, grow, look up and delete topics", "admin-topics", async (c) => ({ topic: c.name("topic") })),
  javaScenario("describe and alter configurations", "admin-configs", async (c) => ({ topic: c.name("topic") })),
  ...codecs.map(javaCodec),
  largeRecords,
  javaScenario("transactions, committed and aborted", "transactions", async (c) => ({
    topic: await c.createTopic(partitions),
    "transactional-id": c.name("id"),
  })),
  javaScenario("consume, transform, produce", "transform", async (c) => ({
    input: await c.createTopic(partitions),
    output: await c.createTopic(partitions),
    group: c.name("group"),
    "transactional-id": c.name("id"),
  })),
  javaScenario("consume, transform, produce (KIP-848 group)", "transform", async (c) => ({
    input: await c.createTopic(partitions),
    output: await c.createTopic(partitions),
    group: c.name("group"),
    protocol: "consumer",
    "transactional-id": c.name("id"),
  })),
  javaScenario("fencing of the older producer", "fencing", async (c) => ({
    topic: await c.createTopic(1),
    "transactional-id": c.name("id"),
  })),
  javaScenario("transaction timeout", "transaction-timeout", async (c) => ({
    topic: await c.createTopic(1),
    "transactional-id": c.name("id"),
  })),
  javaScenario("group rebalance, range assignor", "group", async (c) => ({
    topic: await c.createTopic(partitions),
    group: c.name("group"),
  })),
  javaScenario("group rebalance, cooperative assignor", "group", async (c) => ({
    topic: await c.createTopic(partitions),
    group: c.name("group"),
    assignor: "cooperative",
  })),
  javaScenario("group rebalance, KIP-848 protocol", "group", async (c) => ({
    topic: await c.createTopic(partitions),
    group: c.name("group"),
    protocol: "consumer",
  })),
  javaScenario("describe, alter and delete groups", "admin-groups", async (c) => ({
    topic: await c.createTopic(1),
    group: c.name("group"),
  })),
  javaScenario("describe, alter and delete KIP-848 groups", "admin-groups", async (c) => ({
    topic: await c.createTopic(1),
    group: c.name("group"),
    protocol: "consumer",
  })),
  javaScenario("describe transactions and producers", "admin-transactions", async (c) => ({
    topic: await c.createTopic(1),
    "transactional-id": c.name("id"),
  })),
  optional(javaScenario("create, describe and delete ACLs", "admin-acls", async (c) => ({ topic: c.name("topic") }))),
  javaScenario("client quotas, kept and felt", "admin-quotas", async (c) => ({
    user: c.name("user"),
    topic: await c.createTopic(1),
  })),
  optional(javaScenario("SCRAM credentials", "admin-credentials", async (c) => ({ user: c.name("user") }))),
  kcatList,
  ...codecs.map(kcatCodec),
  kcatTransaction,
  kcatGroup,
  ...codecs.map(javaToKcat),
  ...codecs.map(kcatToJava),
  javaTransactionsInKcat,
  kcatTimestamps,
];

function suite(about: string, own: (client: string) => boolean): Suite {
  return {
    about,
    async run(session) {
      for (const scenario of scenarios) {
        if (!own(scenario.client)) continue;
        await session.check(scenario.client, scenario.name, async () => {
          const versions: string[] = [];
          if (scenario.needs.includes("java")) {
            await needJavaClient();
            versions.push(kafkaVersion());
          }
          if (scenario.needs.includes("kcat")) {
            await need("kcat");
            versions.push(await kcatVersion());
          }
          session.clients.set(scenario.client, { version: versions.join(", "), isCommon: false });
          return scenario.run(await session.context());
        });
      }
    },
  };
}

/** Java may be there and Maven's repository out of reach. */
export async function needJavaClient(): Promise<void> {
  await need("java", "mvn");
  await javaClient().catch((error: unknown) => {
    throw new NotRun(`the Java client cannot be built: ${String(error)}`);
  });
}

export const javaSuite: Suite = suite("Apache Kafka's Java client", (client) => client === "java");
export const kcatSuite: Suite = suite("kcat (librdkafka), alone and with the Java client", (client) =>
  client !== "java");
