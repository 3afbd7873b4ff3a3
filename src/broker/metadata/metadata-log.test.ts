import { expect, it } from "vitest";
import { defaultLogConfig } from "../../log/log-config.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { silentLogger } from "../../platform/logger.ts";
import { MemoryDisk } from "../../platform/memory-disk.ts";
import { nodeClock } from "../../platform/node/clock.ts";
import { encodeVersioned } from "../../protocol/codec.ts";
import type { Topic } from "./image.ts";
import { MetadataLog } from "./metadata-log.ts";
import { type MetadataRecord, type MetadataRow, readMetadataRecord, topicRecord } from "./records.ts";

const disk = new MemoryDisk();

async function open(carryOut: (row: MetadataRow) => Promise<MetadataRecord[]>): Promise<MetadataLog> {
  const log = await PartitionLog.open({
    disk,
    clock: nodeClock,
    logger: silentLogger,
    folder: "metadata",
    topicPartition: { topic: "metadata", partition: 0 },
    topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    config: defaultLogConfig,
    leaderEpoch: 0,
  });
  return new MetadataLog({ log, clock: nodeClock, carryOut });
}

function topic(name: string, id: string): Topic {
  return { name, id, partitionCount: 1, configs: new Map(), isDeleted: false, openedCount: 0 };
}

it("a change that could not be carried out shows all the same, as it is durable, and so do those that were made with it", async () => {
  const carriedOut: string[] = [];
  const metadata = await open(async (row) => {
    if (row.kind !== "topic") throw new Error(row.kind);
    if (row.topic.name === "a") throw new Error("EMFILE");
    carriedOut.push(row.topic.name);
    return [topicRecord({ ...row.topic, openedCount: 1 })];
  });
  const a = topic("a", "CAFEAAAAAAAAAAAAAAAAAA");
  const b = topic("b", "CAFEAAAAAAAAAAAAAAAAAQ");
  const change = metadata.change(() => ({ records: [topicRecord(a), topicRecord(b)], result: undefined }));
  await expect(change).rejects.toThrow("EMFILE");
  expect(carriedOut).toEqual(["b"]);
  const shown = [a, { ...b, openedCount: 1 }];
  expect(metadata.image.topics()).toEqual(shown);
  expect(await metadata.change((image) => ({ records: [], result: image.topic("a")?.id }))).toBe(a.id);
  await metadata.close();
  const again = await open(async () => []);
  expect(again.image.topics()).toEqual(shown);
  await again.close();
});

it("a setting that a version before took in any length keeps no broker from starting", () => {
  const list = "metric,".repeat(10_000);
  // Bytes look the same, and have no limit.
  const fields = { configs: { array: { name: "string", value: "bytes" } } } as const;
  const configs = [{ name: "metrics", value: Buffer.from(list) }];
  const value = encodeVersioned({ name: "ConfigsValue", versions: [0, 0], flexible: 0, fields }, 0, { configs });
  const row = readMetadataRecord({ key: "client-metrics/of-all", value });
  expect(row).toMatchObject({ configs: new Map([["metrics", list]]) });
});
