// A folder that our broker has compacted, read by Apache Kafka's log dumper: gaps, emptied batches, tombstones and markers with
// the time from which they may go, in logs and indexes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Broker } from "../../src/broker/index.ts";
import { Client, type Producer } from "../../src/client/index.ts";
import { dumpLogs } from "./dump-logs.ts";
import { needJavaClient } from "./scenarios.ts";
import type { Session, Suite } from "./session.ts";
import { kafkaVersion } from "./toolchain.ts";

const topic = "table";
const partition = 0;

export const compactionSuite: Suite = {
  about: "Apache Kafka's log dumper reads what our broker has compacted",
  async run(session: Session) {
    await session.check("log dumper", "reads compacted logs", async () => {
      await needJavaClient();
      session.clients.set("log dumper", { version: kafkaVersion(), isCommon: false });
      const folder = mkdtempSync(join(tmpdir(), "oncilla-compacted-"));
      try {
        await fill(folder);
        const report = await dumpLogs(folder);
        if (report.complaints.length > 0) throw new Error(report.complaints.slice(0, 20).join("\n"));
        const { emptyBatches, datedBatches, tombstones } = report;
        const found = `${emptyBatches} batches without records, ${datedBatches} dated ones, ${tombstones} tombstones`;
        if (Math.min(emptyBatches, datedBatches, tombstones) === 0) throw new Error(`only ${found}`);
        return found;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
};

/** Writes a folder whose logs have been compacted again and again, in segments of a few batches. */
async function fill(dataDir: string): Promise<void> {
  const compacted = new Set<unknown>();
  const broker = await Broker.start({
    dataDir,
    cleanerBackoffMs: 5,
    topicDefaults: { "segment.ms": 1, "min.cleanable.dirty.ratio": 0 },
    logger: {
      log: (_level, message, fields) => void (message === "log compacted" && compacted.add(fields?.topicPartition)),
    },
  });
  const client = new Client({ brokers: broker.address });
  await client.admin().createTopics([{ topic, partitions: 1, configs: { "cleanup.policy": "compact" } }]);
  const plain = client.producer({ idempotent: false });
  const once = client.producer({ compression: "lz4" });
  const last = client.producer();
  const transactional = client.producer({ transactionalId: "writer" });
  await transactional.initTransactions();
  let timestamp = Date.now() - 1_000_000;
  const record = (key: string, value: string | null) => {
    timestamp += 10;
    return { topic, partition, key, value, timestamp };
  };
  await last.send(record("overwritten", "0"));
  for (let i = 0; i < 40; i++) {
    await plain.send(record(`plain-${i % 3}`, i % 10 === 9 ? null : `${i}`));
    const batch = [record(`once-${i % 4}`, `${i}`), record(`once-${i % 4}`, i % 7 === 6 ? null : `${i}`)];
    await Promise.all([...batch, record(`unique-${i}`, `${i}`)].map((each) => once.send(each)));
    await transact(transactional, record(`transactional-${i % 5}`, `${i}`), i);
  }
  for (const key of ["overwritten", "plain-0", "deleted"]) await plain.send(record(key, "over"));
  await plain.send(record("deleted", null));
  // Once more for each, when nothing is to come.
  compacted.clear();
  while (compacted.size < 3) {
    await plain.send(record("end", `${compacted.size}`));
    await transact(transactional, record("end", "transaction"), 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await client.close();
  await broker.stop();
}

async function transact(producer: Producer, record: Parameters<Producer["send"]>[0], offset: number): Promise<void> {
  const group = { groupId: "group", generationId: -1, memberId: "", groupInstanceId: null };
  producer.beginTransaction();
  await producer.send(record);
  await producer.sendOffsetsToTransaction([{ topic, partition, offset }], group);
  if (offset % 4 === 3) await producer.abortTransaction();
  else await producer.commitTransaction();
}
