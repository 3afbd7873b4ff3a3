/** Settings of the broker that change while it runs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawSession } from "../../test/support/raw-session.ts";
import { alterConfigs } from "../protocol/apis/alter-configs.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { listConfigResources } from "../protocol/apis/list-config-resources.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { errorName } from "../protocol/errors.ts";
import { Broker } from "./broker.ts";

const TOPIC = 2;
const BROKER = 4;
const CLIENT_METRICS = 16;
const OWN = 2;
const OF_ALL = 3;
const AT_START = 4;
const DEFAULT = 5;

let folder: string;
let broker: Broker;
let session: RawSession;

async function start(): Promise<void> {
  broker = await Broker.start({ dataDir: folder, topicDefaults: { "retention.bytes": 7_000_000 } });
  session = await RawSession.open(broker.address);
}

async function stop(): Promise<void> {
  session.close();
  await broker.stop();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-configs-"));
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

async function set(
  resourceName: string,
  name: string,
  value: string | null,
  validateOnly = false,
  resourceType = BROKER,
) {
  const configs = [{ name, configOperation: value === null ? 1 : 0, value }];
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await session.client.send(incrementalAlterConfigs, 1, { resources, validateOnly });
  return errorName(responses[0]?.errorCode ?? -1);
}

/** A setting's value with its source, and those that it hides. */
async function look(resourceType: number, resourceName: string, name: string): Promise<[string | null, number][]> {
  const { results } = await session.client.send(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: [name] }],
    includeSynonyms: true,
  });
  const [config] = results[0]?.configs ?? [];
  if (config)
    expect([config.value, config.configSource]).toEqual([config.synonyms[0]?.value, config.synonyms[0]?.source]);
  return config?.synonyms.map(({ value, source }) => [value, source]) ?? [];
}

describe("settings of the broker", () => {
  it("are told once of each resource, however often it is asked for", async () => {
    await session.createTopic("topic");
    const asked = [TOPIC, BROKER, TOPIC].map((resourceType) => {
      return { resourceType, resourceName: resourceType === TOPIC ? "topic" : "1", configurationKeys: null };
    });
    const { results } = await session.client.send(describeConfigs, 4, { resources: asked, includeSynonyms: false });
    expect(results.map(({ resourceType }) => resourceType)).toEqual([TOPIC, BROKER]);
  });

  it("for itself go before those for all brokers, these before those of its start; topics inherit them", async () => {
    await session.createTopic("topic");
    const atStart = [
      ["7000000", AT_START],
      ["-1", DEFAULT],
    ];
    expect(await look(BROKER, "1", "log.retention.bytes")).toEqual(atStart);
    expect(await set("", "log.retention.bytes", "8000000")).toBe("NONE");
    expect(await set("1", "log.retention.bytes", " 9000000 ")).toBe("NONE");
    const all = [["9000000", OWN], ["8000000", OF_ALL], ...atStart];
    expect(await look(BROKER, "1", "log.retention.bytes")).toEqual(all);
    expect(await look(TOPIC, "topic", "retention.bytes")).toEqual(all);
    expect(await look(BROKER, "", "log.retention.bytes")).toEqual([["8000000", OF_ALL]]);
    expect(await set("1", "log.retention.bytes", null)).toBe("NONE");
    expect(await look(TOPIC, "topic", "retention.bytes")).toEqual(all.slice(1));
    expect(await set("", "log.retention.bytes", null)).toBe("NONE");
    expect(await look(BROKER, "", "log.retention.bytes")).toEqual([]);
    expect(await look(TOPIC, "topic", "retention.bytes")).toEqual(atStart);
  });

  it("are refused when they do not go together: no topic could be made", async () => {
    const min = "log.cleaner.min.compaction.lag.ms";
    const max = "log.cleaner.max.compaction.lag.ms";
    expect(await set("", max, "1000")).toBe("NONE");
    for (const name of ["", "1"]) expect(await set(name, min, "1001")).toBe("INVALID_REQUEST");
    await expect(session.createTopic("topic", 1, { "min.compaction.lag.ms": "1001" })).rejects.toThrow("conflict");
    expect(await set("1", min, "1000")).toBe("NONE");
    // Each of the two is sound by itself, and they are not together. The broker's own topics are made all the same.
    expect(await set("", max, "999")).toBe("NONE");
    await expect(session.createTopic("topic")).rejects.toThrow("conflict");
    expect((await session.newTransactional("a")).producerId).toBeGreaterThan(0);
  });

  it("count at once, for partitions that are open", async () => {
    const topic = await session.createTopic("topic");
    const strict = await session.createTopic("strict", 1, { "max.message.bytes": "300" });
    const produce = async (to: typeof topic) => (await session.produce(to, ["x".repeat(500)])).error;
    expect(await produce(topic)).toBe("NONE");
    await set("", "message.max.bytes", "400");
    expect(await produce(topic)).toBe("MESSAGE_TOO_LARGE");
    await set("1", "message.max.bytes", "1000");
    expect(await produce(topic)).toBe("NONE");
    expect(await produce(strict)).toBe("MESSAGE_TOO_LARGE");
    await set("1", "message.max.bytes", null);
    expect(await produce(topic)).toBe("MESSAGE_TOO_LARGE");
    await set("", "message.max.bytes", null);
    expect(await produce(topic)).toBe("NONE");
  });

  it("count at once, for connections", async () => {
    await set("", "max.connections", "1");
    const refused = await RawSession.open(broker.address);
    await refused.client.closed;
    await set("", "max.connections", null);
    const taken = await RawSession.open(broker.address);
    expect((await taken.client.send(metadata, 12, { topics: [] })).brokers.length).toBe(1);
    taken.close();
  });

  it("outlive the broker", async () => {
    const topic = await session.createTopic("topic");
    await set("1", "message.max.bytes", "400");
    await set("", "producer.id.expiration.ms", "5000");
    await set(CLIENT, "metrics", "*", false, CLIENT_METRICS);
    await stop();
    await start();
    expect((await session.produce(topic, ["x".repeat(500)])).error).toBe("MESSAGE_TOO_LARGE");
    expect(await look(BROKER, "1", "producer.id.expiration.ms")).toEqual([
      ["5000", OF_ALL],
      ["86400000", DEFAULT],
    ]);
    expect(await look(CLIENT_METRICS, CLIENT, "metrics")).toEqual([
      ["*", 7],
      ["", DEFAULT],
    ]);
  });

  it.each<[string, string, string, string]>([
    ["one that is given at the start", "1", "num.partitions", "2"],
    ["one that there is not", "1", "log.retention.hours", "2"],
    ["a value that is none", "", "log.retention.ms", "x"],
    ["a value out of range", "", "max.connections", "0"],
    ["a value that is not honoured here", "", "compression.type", "zstd"],
    ["another broker", "2", "log.retention.ms", "1000"],
  ])("%s is refused", async (_what, name, setting, value) => {
    expect(await set(name, setting, value)).toBe("INVALID_REQUEST");
    expect(await look(BROKER, "", setting)).toEqual([]);
  });

  it("looked at only, nothing changes; replaced, what is not given goes", async () => {
    expect(await set("1", "max.connections", "5", true)).toBe("NONE");
    expect((await look(BROKER, "1", "max.connections")).length).toBe(1);
    await set("1", "max.connections", "5");
    await set("1", "log.retention.ms", "1000");
    const configs = [{ name: "log.retention.ms", value: "2000" }];
    const resources = [{ resourceType: BROKER, resourceName: "1", configs }];
    const { responses } = await session.client.send(alterConfigs, 2, { resources, validateOnly: false });
    expect(errorName(responses[0]?.errorCode ?? -1)).toBe("NONE");
    expect((await look(BROKER, "1", "max.connections")).length).toBe(1);
    expect((await look(BROKER, "1", "log.retention.ms"))[0]).toEqual(["2000", OWN]);
  });

  it("a list is not added to until no string could hold it: no start could read it", async () => {
    await session.createTopic("topic");
    const name = "leader.replication.throttled.replicas";
    const append = async (from: number): Promise<string> => {
      const value = Array.from({ length: 3000 }, (_, i) => `${from + i}:1`).join(",");
      const resources = [
        { resourceType: TOPIC, resourceName: "topic", configs: [{ name, configOperation: 2, value }] },
      ];
      const { responses } = await session.client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
      return errorName(responses[0]?.errorCode ?? -1);
    };
    expect(await append(10_000)).toBe("NONE");
    expect(await append(20_000).catch((error: Error) => error.message)).toBe("INVALID_CONFIG");
    await stop();
    await start();
    expect((await look(TOPIC, "topic", name))[0]?.[0]?.length).toBe(3000 * "10000:1,".length - 1);
  });

  it("lists are added to from where they are inherited", async () => {
    const append = async (resourceName: string, resourceType: number, name: string) => {
      const configs = [{ name, configOperation: 2, value: "compact" }];
      const resources = [{ resourceType, resourceName, configs }];
      await session.client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    };
    await append("", BROKER, "log.cleanup.policy");
    expect((await look(BROKER, "1", "log.cleanup.policy"))[0]).toEqual(["delete,compact", OF_ALL]);
    await session.createTopic("topic");
    await append("topic", TOPIC, "cleanup.policy");
    expect((await look(TOPIC, "topic", "cleanup.policy"))[0]).toEqual(["delete,compact", 1]);
  });
});

const CLIENT = "subscription";

describe("clients' metrics", () => {
  it("what is wanted of them is kept, listed and shown", async () => {
    expect(await set(CLIENT, "interval.ms", "1000", false, CLIENT_METRICS)).toBe("NONE");
    expect(await set(CLIENT, "match", "client_id=a.*,client_software_name=x", false, CLIENT_METRICS)).toBe("NONE");
    for (const [name, value] of [
      ["interval.ms", "10"],
      ["match", "host=x"],
      ["match", "client_id=("],
      ["match", "client_id"],
      ["match", "client_id="],
      ["match", "client_id=a,,client_id=b"],
      ["match", "client_id=(.)\\1"],
      ["metrics", "a,,b"],
      ["unknown", "1"],
    ] as const) {
      expect(await set(CLIENT, name, value, false, CLIENT_METRICS)).toBe("INVALID_CONFIG");
    }
    expect(await set("", "interval.ms", "1000", false, CLIENT_METRICS)).toBe("INVALID_REQUEST");
    for (const version of [0, 1]) {
      const { configResources } = await session.client.send(listConfigResources, version, {
        resourceTypes: version === 0 ? [] : [CLIENT_METRICS],
      });
      expect(configResources.map(({ resourceName }) => resourceName)).toEqual([CLIENT]);
    }
    expect((await look(CLIENT_METRICS, CLIENT, "interval.ms"))[0]).toEqual(["1000", 7]);
  });
});
