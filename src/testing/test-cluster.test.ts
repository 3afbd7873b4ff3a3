import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OncillaError, serdes } from "../client/index.ts";
import { TestCluster } from "./index.ts";

describe("a test cluster", () => {
  it("has the topics that were asked for, takes records, and gives all back that count", async () => {
    await using cluster = await TestCluster.start({ topics: ["one", { topic: "three", partitions: 3 }] });
    expect(await cluster.readAll("one")).toEqual([]);
    const numbers = { key: serdes.string, value: serdes.int32 };
    const placed = await cluster.produce(
      "three",
      [2, 0, 1, 0].map((partition, value) => ({ partition, key: `k${partition}`, value })),
      { serdes: numbers },
    );
    expect(placed.map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, 0],
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
    const producer = cluster.client.producer({ transactionalId: "t", serdes: numbers });
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic: "three", partition: 1, key: "k1", value: 99 });
    await producer.abortTransaction();
    const read = async (isolationLevel: "read_committed" | "read_uncommitted") => {
      const records = await cluster.readAll("three", { serdes: numbers, isolationLevel });
      return records.map(({ key, value }) => `${key}=${value}`);
    };
    expect(await read("read_committed")).toEqual(["k0=1", "k0=3", "k1=2", "k2=0"]);
    expect(await read("read_uncommitted")).toEqual(["k0=1", "k0=3", "k1=2", "k1=99", "k2=0"]);
  });

  it("takes the broker's options, and lets go of everything when it stops", async () => {
    const cluster = await TestCluster.start({ broker: { autoCreateTopics: false } });
    await expect(cluster.readAll("absent")).rejects.toThrow("there is no topic absent");
    const { client } = cluster;
    await cluster.stop();
    expect(() => client.producer()).toThrow(OncillaError);
  });

  it("leaves nothing behind that holds its folder, neither a start that fails nor a stop that fails", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "oncilla-cluster-"));
    const broker = { dataDir };
    await expect(TestCluster.start({ topics: ["bad name!"], broker })).rejects.toThrow("bad name!");
    const cluster = await TestCluster.start({ broker });
    const close = cluster.client.close.bind(cluster.client);
    cluster.client.close = async () => {
      await close();
      throw new Error("the client could not close");
    };
    await expect(cluster.stop()).rejects.toThrow("the client could not close");
    await (await TestCluster.start({ broker })).stop();
    rmSync(dataDir, { recursive: true });
  });
});
