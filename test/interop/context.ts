// What every scenario gets: the broker's address, and names and topics that no other run uses.

import { Kafka, logLevel } from "kafkajs";

/** The client id of what only prepares a scenario. */
export const setupClientId = "interop-setup";

export interface Context {
  bootstrap: string;
  /** Creates a topic with a name that no other run uses, and gives that name. */
  createTopic(partitions: number): Promise<string>;
  /** A name that no other run uses, for groups, transactional ids and topics that the scenario creates itself. */
  name(kind: string): string;
  /** How many data records a topic's files must hold in the end, for the check of the files. */
  expectRecords(topic: string, count: number): void;
}

export interface RunContext extends Context {
  /** What `expectRecords` was told. */
  expected: ReadonlyMap<string, number>;
  /** Removes the topics. */
  cleanUp(): Promise<void>;
  close(): Promise<void>;
}

/** A context for one run. Topics are made by kafkajs, from this process, and not by a client that a machine may lack. */
export async function openContext(bootstrap: string): Promise<RunContext> {
  const admin = new Kafka({ brokers: [bootstrap], clientId: setupClientId, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const run = Date.now().toString(36);
  const created: string[] = [];
  const expected = new Map<string, number>();
  let names = 0;
  const name = (kind: string): string => `interop-${run}-${kind}-${names++}`;
  return {
    bootstrap,
    name,
    async createTopic(numPartitions) {
      const topic = name("topic");
      await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] });
      created.push(topic);
      return topic;
    },
    expectRecords: (topic, count) => expected.set(topic, count),
    expected,
    async cleanUp() {
      if (created.length > 0) await admin.deleteTopics({ topics: created });
    },
    close: () => admin.disconnect(),
  };
}
