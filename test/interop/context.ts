// What every scenario gets: the broker's address, and names and topics that no other run uses.

import { Client } from "../../src/client/index.ts";

/** The client id of what only prepares a scenario. */
export const setupClientId = "interop-setup";

export interface Context {
  bootstrap: string;
  /** Our own client, which prepares scenarios and looks at what came of them. */
  client: Client;
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

/** A context for one run. */
export async function openContext(bootstrap: string): Promise<RunContext> {
  const client = new Client({ brokers: bootstrap, clientId: setupClientId });
  const admin = client.admin();
  const run = Date.now().toString(36);
  const created: string[] = [];
  const expected = new Map<string, number>();
  let names = 0;
  const name = (kind: string): string => `interop-${run}-${kind}-${names++}`;
  return {
    bootstrap,
    client,
    name,
    async createTopic(partitions) {
      const topic = name("topic");
      await admin.createTopics([{ topic, partitions, replicationFactor: 1 }]);
      created.push(topic);
      return topic;
    },
    expectRecords: (topic, count) => expected.set(topic, count),
    expected,
    async cleanUp() {
      if (created.length > 0) await admin.deleteTopics(created);
    },
    close: () => client.close(),
  };
}
