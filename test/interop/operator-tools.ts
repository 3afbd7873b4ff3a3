// The tools with which operators of Apache Kafka look after a cluster, as they come with it: what they do to a broker, and what
// they print about it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "./context.ts";
import { need } from "./requirements.ts";
import { NotRun, type Session, type Suite } from "./session.ts";
import { kafkaClasspath, kafkaVersion, log4jConfig, run } from "./toolchain.ts";

/** By the names of their scripts. */
const mainClasses = {
  "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
  "kafka-client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
  "kafka-configs": "kafka.admin.ConfigCommand",
  "kafka-features": "org.apache.kafka.tools.FeatureCommand",
  "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
  "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
  "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
  "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
  "kafka-topics": "org.apache.kafka.tools.TopicCommand",
} as const;

type Tool = keyof typeof mainClasses;

/** Runs a tool and gives what it printed; it must print all of `expected`, and end with 0. */
type Try = (tool: Tool, args: string, ...expected: readonly RegExp[]) => Promise<string>;

interface Scenario {
  readonly name: string;
  run(attempt: Try, context: Context): Promise<void>;
}

const scenarios: readonly Scenario[] = [
  {
    name: "kafka-topics: create, describe, widen, delete",
    async run(attempt, context) {
      const topic = context.name("topic");
      await attempt("kafka-topics", `--create --topic ${topic} --partitions 2`, /Created topic/);
      await attempt("kafka-topics", `--describe --topic ${topic}`, /PartitionCount: 2/, /Partition: 1\tLeader: \d+/);
      await attempt("kafka-topics", `--alter --topic ${topic} --partitions 3`);
      await attempt("kafka-topics", `--describe --topic ${topic}`, /PartitionCount: 3/);
      await attempt("kafka-topics", `--delete --topic ${topic}`);
    },
  },
  {
    name: "kafka-configs: of topics and brokers",
    async run(attempt, context) {
      const topic = `--entity-type topics --entity-name ${await context.createTopic(1)}`;
      await attempt("kafka-configs", `${topic} --alter --add-config retention.ms=7000`, /Completed updating/);
      await attempt("kafka-configs", `${topic} --describe`, /retention\.ms=7000 .*DYNAMIC_TOPIC_CONFIG/);
      const all = "--entity-type brokers --entity-default";
      // A setting that no other scenario minds.
      await attempt("kafka-configs", `${all} --alter --add-config log.cleaner.backoff.ms=14000`, /Completed updating/);
      await attempt("kafka-configs", `${all} --describe`, /backoff\.ms=14000 .*DYNAMIC_DEFAULT_BROKER_CONFIG/);
      await attempt("kafka-configs", `${all} --alter --delete-config log.cleaner.backoff.ms`, /Completed updating/);
    },
  },
  {
    name: "kafka-configs: quotas of clients, users and addresses",
    async run(attempt, context) {
      const client = context.name("client");
      const named = (type: string): string => `--entity-type ${type} --entity-name ${client}`;
      // Of a user alone the tool also asks for SCRAM credentials, which our broker does not have.
      const rates = [
        [named("clients"), "producer_byte_rate", "1000000"],
        [`${named("users")} ${named("clients")}`, "request_percentage", "5000"],
      ] as const;
      for (const [entity, key, limit] of rates) {
        await attempt("kafka-configs", `${entity} --alter --add-config ${key}=${limit}`, /Completed updating/);
        await attempt("kafka-configs", `${entity} --describe`, new RegExp(`Quota configs for .* are ${key}=${limit}`));
        await attempt("kafka-configs", `${entity} --alter --delete-config ${key}`, /Completed updating/);
      }
      const address = "--entity-type ips --entity-name 127.9.9.9";
      await attempt(
        "kafka-configs",
        `${address} --alter --add-config connection_creation_rate=9`,
        /Completed updating/,
      );
      await attempt("kafka-configs", `${address} --describe`, /connection_creation_rate=9/);
      await attempt("kafka-configs", `${address} --alter --delete-config connection_creation_rate`, /Completed/);
    },
  },
  {
    name: "kafka-client-metrics and kafka-configs: of groups",
    async run(attempt, context) {
      const name = context.name("metrics");
      await attempt("kafka-client-metrics", `--alter --name ${name} --metrics a.b --interval 10000`, /Altered/);
      await attempt("kafka-client-metrics", `--describe --name ${name}`, /interval\.ms=10000/, /metrics=a\.b/);
      await attempt("kafka-client-metrics", `--delete --name ${name}`, /Deleted/);
      const group = `--entity-type groups --entity-name ${context.name("group")}`;
      await attempt("kafka-configs", `${group} --alter --add-config consumer.session.timeout.ms=50000`, /Completed/);
      await attempt("kafka-configs", `${group} --describe`, /consumer\.session\.timeout\.ms=50000/);
    },
  },
  {
    name: "kafka-features: describe, look at a downgrade",
    async run(attempt) {
      await attempt(
        "kafka-features",
        "describe",
        /transaction\.version\s+SupportedMinVersion: 0\s.*FinalizedVersionLevel: 2/,
      );
      await attempt("kafka-features", "downgrade --feature transaction.version=1 --dry-run", /can be downgraded to 1/);
    },
  },
  {
    name: "kafka-metadata-quorum, kafka-broker-api-versions",
    async run(attempt) {
      await attempt("kafka-metadata-quorum", "describe --status", /LeaderId:\s+1/, /CurrentVoters:\s+\[/);
      await attempt("kafka-metadata-quorum", "describe --replication", /Leader/);
      await attempt("kafka-broker-api-versions", "", /Produce\(0\): 0 to 13/, /EndTxn\(26\): 0 to 5/);
    },
  },
  {
    name: "kafka-leader-election, kafka-reassign-partitions",
    async run(attempt, context) {
      const topic = await context.createTopic(1);
      await attempt("kafka-leader-election", `--election-type preferred --topic ${topic} --partition 0`);
      await attempt("kafka-leader-election", "--election-type preferred --all-topic-partitions");
      const folder = mkdtempSync(join(tmpdir(), "oncilla-reassign-"));
      try {
        const plan = join(folder, "plan.json");
        const partitions = [{ topic, partition: 0, replicas: [1], log_dirs: ["any"] }];
        writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
        const arg = `--reassignment-json-file ${plan}`;
        await attempt("kafka-reassign-partitions", `${arg} --execute`, /Successfully started partition reassignment/);
        await attempt("kafka-reassign-partitions", `${arg} --verify`, /Reassignment of partition .* is completed/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      await attempt(
        "kafka-log-dirs",
        `--describe --topic-list ${topic}`,
        new RegExp(`"partition":"${topic}-0","size":0`),
      );
    },
  },
];

export const operatorToolsSuite: Suite = {
  about: "the tools that operators of Apache Kafka have, on our broker",
  async run(session: Session) {
    for (const { name, run: runScenario } of scenarios) {
      await session.check("operators' tools", name, async () => {
        await need("java", "mvn");
        const classpath = await kafkaClasspath().catch((error: unknown) => {
          throw new NotRun(`Apache Kafka's tools are not to be had: ${error instanceof Error ? error.message : error}`);
        });
        session.clients.set("operators' tools", { version: kafkaVersion(), isCommon: false });
        const context = await session.context();
        let count = 0;
        const attempt: Try = (tool, args, ...expected) => {
          count++;
          return attemptTool(classpath, context.bootstrap, tool, args, expected);
        };
        await runScenario(attempt, context);
        return `${count} commands`;
      });
    }
  },
};

async function attemptTool(
  classpath: string,
  bootstrap: string,
  tool: Tool,
  args: string,
  expected: readonly RegExp[],
): Promise<string> {
  const { code, stdout, stderr } = await run("java", [
    // They are over before a better compiler would pay.
    "-XX:TieredStopAtLevel=1",
    `-Dlog4j2.configurationFile=${log4jConfig}`,
    "-cp",
    classpath,
    mainClasses[tool],
    "--bootstrap-server",
    bootstrap,
    ...args.split(" ").filter((arg) => arg !== ""),
  ]);
  const missing = expected.filter((pattern) => !pattern.test(stdout));
  if (code === 0 && missing.length === 0) return stdout;
  throw new Error(`${tool} ${args}: ended with ${code}, without ${missing.join(", ")}\n${stdout}\n${stderr}`);
}
