/** The cluster that a test runs on: our broker in memory, or the one that ONCILLA_TEST_BROKERS names. */
import type { Broker } from "../../src/broker/index.ts";
import { Client, type ClientOptions, type ConsumerRecord, serdes } from "../../src/client/index.ts";

export { until } from "./until.ts";

export interface TestCluster {
  readonly brokers: string;
  readonly client: Client;
  /** Short, as far as the cluster allows: how long tests wait for a worker that is gone. */
  readonly sessionTimeoutMs: number;
  /** Another client; who asks for it closes it. */
  connect(options?: Omit<ClientOptions, "brokers">): Client;
  /** A name that no other test has. */
  unique(name: string): string;
  stop(): Promise<void>;
}

let names = 0;

export async function startCluster(): Promise<TestCluster> {
  const given = process.env.ONCILLA_TEST_BROKERS;
  const broker = given ? undefined : await startBroker();
  const brokers = given ?? (broker as Broker).address;
  const client = new Client({ brokers, clientId: "test" });
  return {
    brokers,
    client,
    sessionTimeoutMs: given ? 6_000 : 1_500,
    connect: (options = {}) => new Client({ brokers, clientId: "test", ...options }),
    unique: (name) => `${name}-${process.pid}-${Date.now().toString(36)}-${names++}`,
    async stop() {
      await client.close();
      await broker?.stop();
    },
  };
}

/** Not loaded where the tests run on another cluster. */
async function startBroker(): Promise<Broker> {
  const { Broker } = await import("../../src/broker/index.ts");
  return Broker.start({
    durability: "os",
    groupMinSessionTimeoutMs: 100,
    groupConsumerSessionTimeoutMs: 1_500,
    groupConsumerHeartbeatIntervalMs: 100,
  });
}

export async function createTopic(client: Client, topic: string, partitions: number): Promise<void> {
  await client.admin().createTopics([{ topic, partitions }]);
}

/** Every record that is visible at read_committed now. */
export async function readAll(client: Client, topic: string): Promise<ConsumerRecord[]> {
  const admin = client.admin();
  const [description] = await admin.describeTopics([topic]);
  const partitions = (description?.partitions ?? []).map(({ partition }) => ({ topic, partition }));
  const consumer = client.consumer({ isolationLevel: "read_committed" });
  try {
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    const ends = await consumer.endOffsets(partitions);
    const records: ConsumerRecord[] = [];
    for (let open = ends; open.length > 0; ) {
      records.push(...(await consumer.poll({ timeoutMs: 50 })));
      const positions = await Promise.all(open.map((end) => consumer.position(end)));
      open = open.filter((end, index) => (positions[index] ?? 0) < end.offset);
    }
    return records;
  } finally {
    await consumer.close();
  }
}

export function text(bytes: Uint8Array | null): string {
  return bytes === null ? "" : serdes.string.deserialize(bytes);
}
