// The tools with which operators of Apache Kafka look after a cluster, as they come with it: what they do to a broker, and what
// they print about it.

import { deepStrictEqual } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { coordinatorScenarios } from "./coordinator-tools.ts";
import { type ToolScenario, toolSuite } from "./kafka-tools.ts";
import type { Suite } from "./session.ts";
import { readTopic, write } from "./truth.ts";

const clusterScenarios: readonly ToolScenario[] = [
  {
    name: "kafka-topics: create, describe, widen, delete",
    async run(tools, context) {
      const topic = context.name("topic");
      await tools.attempt("kafka-topics", `--create --topic ${topic} --partitions 2`, /Created topic/);
      await tools.attempt(
        "kafka-topics",
        `--describe --topic ${topic}`,
        /PartitionCount: 2/,
        /Partition: 1\tLeader: \d+/,
      );
      await tools.attempt("kafka-topics", `--alter --topic ${topic} --partitions 3`);
      await tools.attempt("kafka-topics", `--describe --topic ${topic}`, /PartitionCount: 3/);
      await tools.attempt("kafka-topics", `--delete --topic ${topic}`);
    },
  },
  {
    name: "kafka-configs: of topics and brokers",
    async run(tools, context) {
      const topic = `--entity-type topics --entity-name ${await context.createTopic(1)}`;
      await tools.attempt("kafka-configs", `${topic} --alter --add-config retention.ms=7000`, /Completed updating/);
      await tools.attempt("kafka-configs", `${topic} --describe`, /retention\.ms=7000 .*DYNAMIC_TOPIC_CONFIG/);
      const all = "--entity-type brokers --entity-default";
      // A setting that no other scenario minds.
      await tools.attempt(
        "kafka-configs",
        `${all} --alter --add-config log.cleaner.backoff.ms=14000`,
        /Completed updating/,
      );
      await tools.attempt("kafka-configs", `${all} --describe`, /backoff\.ms=14000 .*DYNAMIC_DEFAULT_BROKER_CONFIG/);
      await tools.attempt(
        "kafka-configs",
        `${all} --alter --delete-config log.cleaner.backoff.ms`,
        /Completed updating/,
      );
    },
  },
  {
    name: "kafka-configs: quotas of clients, users and addresses",
    async run(tools, context) {
      const client = context.name("client");
      const named = (type: string): string => `--entity-type ${type} --entity-name ${client}`;
      // Of a user alone the tool also asks for SCRAM credentials, which our broker does not have.
      const rates = [
        [named("clients"), "producer_byte_rate", "1000000"],
        [`${named("users")} ${named("clients")}`, "request_percentage", "5000"],
      ] as const;
      for (const [entity, key, limit] of rates) {
        await tools.attempt("kafka-configs", `${entity} --alter --add-config ${key}=${limit}`, /Completed updating/);
        await tools.attempt(
          "kafka-configs",
          `${entity} --describe`,
          new RegExp(`Quota configs for .* are ${key}=${limit}`),
        );
        await tools.attempt("kafka-configs", `${entity} --alter --delete-config ${key}`, /Completed updating/);
      }
      const address = "--entity-type ips --entity-name 127.9.9.9";
      await tools.attempt(
        "kafka-configs",
        `${address} --alter --add-config connection_creation_rate=9`,
        /Completed updating/,
      );
      await tools.attempt("kafka-configs", `${address} --describe`, /connection_creation_rate=9/);
      await tools.attempt("kafka-configs", `${address} --alter --delete-config connection_creation_rate`, /Completed/);
    },
  },
  {
    name: "kafka-client-metrics and kafka-configs: of groups",
    async run(tools, context) {
      const name = context.name("metrics");
      await tools.attempt("kafka-client-metrics", `--alter --name ${name} --metrics a.b --interval 10000`, /Altered/);
      await tools.attempt("kafka-client-metrics", `--describe --name ${name}`, /interval\.ms=10000/, /metrics=a\.b/);
      await tools.attempt("kafka-client-metrics", `--delete --name ${name}`, /Deleted/);
      const group = `--entity-type groups --entity-name ${context.name("group")}`;
      await tools.attempt(
        "kafka-configs",
        `${group} --alter --add-config consumer.session.timeout.ms=50000`,
        /Completed/,
      );
      await tools.attempt("kafka-configs", `${group} --describe`, /consumer\.session\.timeout\.ms=50000/);
    },
  },
  {
    name: "kafka-features: describe, look at a downgrade",
    async run(tools) {
      await tools.attempt(
        "kafka-features",
        "describe",
        /transaction\.version\s+SupportedMinVersion: 0\s.*FinalizedVersionLevel: 2/,
      );
      await tools.attempt(
        "kafka-features",
        "downgrade --feature transaction.version=1 --dry-run",
        /can be downgraded to 1/,
      );
    },
  },
  {
    name: "kafka-metadata-quorum, kafka-broker-api-versions",
    async run(tools) {
      await tools.attempt("kafka-metadata-quorum", "describe --status", /LeaderId:\s+1/, /CurrentVoters:\s+\[/);
      await tools.attempt("kafka-metadata-quorum", "describe --replication", /Leader/);
      await tools.attempt("kafka-broker-api-versions", "", /Produce\(0\): 0 to 13/, /EndTxn\(26\): 0 to 5/);
    },
  },
  {
    name: "kafka-leader-election, kafka-reassign-partitions",
    async run(tools, context) {
      const topic = await context.createTopic(1);
      await tools.attempt("kafka-leader-election", `--election-type preferred --topic ${topic} --partition 0`);
      await tools.attempt("kafka-leader-election", "--election-type preferred --all-topic-partitions");
      const folder = mkdtempSync(join(tmpdir(), "oncilla-reassign-"));
      try {
        const plan = join(folder, "plan.json");
        const partitions = [{ topic, partition: 0, replicas: [1], log_dirs: ["any"] }];
        writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
        const arg = `--reassignment-json-file ${plan}`;
        await tools.attempt(
          "kafka-reassign-partitions",
          `${arg} --execute`,
          /Successfully started partition reassignment/,
        );
        await tools.attempt(
          "kafka-reassign-partitions",
          `${arg} --verify`,
          /Reassignment of partition .* is completed/,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      await tools.attempt(
        "kafka-log-dirs",
        `--describe --topic-list ${topic}`,
        new RegExp(`"partition":"${topic}-0","size":0`),
      );
    },
  },
  {
    name: "kafka-cluster: id, endpoints",
    async run(tools, context) {
      const { clusterId } = await context.client.admin().describeCluster();
      const [host, port] = context.bootstrap.split(":");
      await tools.attempt("kafka-cluster", "cluster-id", new RegExp(`^Cluster ID: ${clusterId}$`, "m"));
      await tools.attempt("kafka-cluster", "list-endpoints", new RegExp(`^1 +${host} +${port} +`, "m"));
    },
  },
];

const recordScenarios: readonly ToolScenario[] = [
  {
    name: "kafka-get-offsets, kafka-delete-records",
    async run(tools, context) {
      const topic = await context.createTopic(2);
      const baseTime = Date.now() - 60_000;
      const records = [...Array(15).keys()].map((index) => ({
        topic,
        partition: index < 10 ? 0 : 1,
        value: `${index}`,
        // The latest of a partition is not its last.
        timestamp: baseTime + (index === 7 ? 50_000 : index * 1000),
      }));
      await write(context.client, records);
      const offsets = async (args: string): Promise<string> =>
        (await tools.attempt("kafka-get-offsets", args)).replaceAll(topic, "t").trimEnd();
      deepStrictEqual(await offsets(`--topic ${topic}`), "t:0:10\nt:1:5");
      deepStrictEqual(await offsets(`--topic-partitions ${topic}:0 --time max-timestamp`), "t:0:7");
      deepStrictEqual(await offsets(`--topic ${topic} --time ${baseTime + 3001}`), "t:0:4\nt:1:0");
      const folder = mkdtempSync(join(tmpdir(), "oncilla-delete-"));
      try {
        const file = join(folder, "offsets.json");
        const deleting = [4, 6].map((offset, partition) => ({ topic, partition, offset }));
        writeFileSync(file, JSON.stringify({ version: 1, partitions: deleting }));
        await tools.attempt(
          "kafka-delete-records",
          `--offset-json-file ${file}`,
          new RegExp(`partition: ${topic}-0\tlow_watermark: 4`),
          // It ends at 5.
          new RegExp(`partition: ${topic}-1\terror: .*OffsetOutOfRange`),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      deepStrictEqual(await offsets(`--topic ${topic} --time earliest`), "t:0:4\nt:1:0");
    },
  },
  {
    name: "kafka-console-producer, kafka-console-consumer",
    async run(tools, context) {
      const topic = await context.createTopic(1);
      const lines = ["from:a,to:b key-1=one", "none key-2=none", "none none=three", "from: key-4=vier ="];
      const reading = [
        "parse.key=true",
        "parse.headers=true",
        "key.separator==",
        "headers.delimiter=+",
        "null.marker=none",
      ];
      await tools.feed(
        "kafka-console-producer",
        `--topic ${topic} --compression-codec zstd ${reading.map((each) => `--reader-property ${each}`).join(" ")}`,
        lines.map((line) => `${line.replace(" ", "+")}\n`).join(""),
      );
      const text = (bytes: Buffer | null): string => (bytes === null ? "none" : `${bytes}`);
      deepStrictEqual(
        (await readTopic(context.client, topic, "read_uncommitted")).map(({ key, value, headers }) => {
          const all = headers.map((header) => `${header.key}:${text(header.value)}`).join();
          return `${all || "none"} ${text(key)}=${text(value)}`;
        }),
        lines,
      );
      const printing = [
        "print.key=true",
        "print.offset=true",
        "print.headers=true",
        "key.separator=;",
        "null.literal=none",
      ];
      const shown = await tools.attempt(
        "kafka-console-consumer",
        `--topic ${topic} --partition 0 --offset 1 --max-messages 3 --timeout-ms 20000` +
          ` ${printing.map((each) => `--formatter-property ${each}`).join(" ")}`,
      );
      deepStrictEqual(shown.trimEnd().split("\n"), [
        "Offset:1;NO_HEADERS;key-2;none",
        "Offset:2;NO_HEADERS;none;three",
        "Offset:3;from:;key-4;vier =",
      ]);
      context.expectRecords(topic, lines.length);
    },
  },
];

export const operatorToolsSuite: Suite = toolSuite(
  "operators' tools",
  "the tools that operators of Apache Kafka have, on our broker",
  [...clusterScenarios, ...recordScenarios, ...coordinatorScenarios],
);
