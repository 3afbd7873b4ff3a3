import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawSession } from "../../../test/support/raw-session.ts";
import { MemoryDisk } from "../../platform/memory-disk.ts";
import { nodePlatform } from "../../platform/node/index.ts";
import { metadata } from "../../protocol/apis/metadata.ts";
import { Broker } from "../broker.ts";
import { TimeHistogram } from "./histogram.ts";

let broker: Broker;
let session: RawSession;

beforeAll(async () => {
  broker = await Broker.start({
    metricsPort: 0,
    dataDir: "data",
    platform: { ...nodePlatform, disk: new MemoryDisk() },
  });
  session = await RawSession.open(broker.address);
});

afterAll(async () => {
  session.close();
  await broker.stop();
  await expect(fetch(`http://${broker.metricsAddress}/metrics`)).rejects.toThrow();
});

async function scrape(): Promise<string> {
  const response = await fetch(`http://${broker.metricsAddress}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return response.text();
}

/** The value of one line, by its name and labels as they stand there. */
function numberAt(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("metrics", () => {
  it("tell what was written, read and refused, by topic and in all", async () => {
    const topic = await session.createTopic("traffic", 2);
    await session.produce(topic, ["a", "b", "c"]);
    const producer = await session.initProducer(null);
    await session.produce(topic, ["d"], { producer, partition: 1 });
    // Twice the same: it is one record in the log.
    await session.produce(topic, ["d"], { producer, partition: 1 });
    expect((await session.produce(topic, ["x"], { producer, partition: 1, sequence: 9 })).error).not.toBe("NONE");
    await session.fetch(topic);
    await session.fetch({ name: "no-such-topic", id: "4pDa7E0AQS6hJEFRVPTXMQ" });
    const text = await scrape();
    expect(numberAt(text, 'kafka_server_brokertopicmetrics_messagesin_total{topic="traffic"}')).toBe(4);
    expect(numberAt(text, "kafka_server_brokertopicmetrics_messagesin_total")).toBe(4);
    expect(numberAt(text, 'kafka_server_brokertopicmetrics_failedproducerequests_total{topic="traffic"}')).toBe(1);
    expect(numberAt(text, "kafka_server_brokertopicmetrics_failedfetchrequests_total")).toBe(1);
    const size = numberAt(text, 'kafka_log_log_size{topic="traffic",partition="0"}');
    expect(numberAt(text, 'kafka_server_brokertopicmetrics_bytesout_total{topic="traffic"}')).toBe(size);
    expect(numberAt(text, 'kafka_log_log_logendoffset{topic="traffic",partition="0"}')).toBe(3);
    expect(numberAt(text, 'kafka_topic_partition_current_offset{topic="traffic",partition="1"}')).toBe(1);
    expect(numberAt(text, 'kafka_log_log_numlogsegments{topic="traffic",partition="0"}')).toBe(1);
    expect(text).not.toContain("no-such-topic");
  });

  it("tell how many requests there were, and how long they took", async () => {
    const before = await scrape();
    const series = 'kafka_network_requestmetrics_requests_total{request="Metadata",version="11"}';
    const took = 'kafka_network_requestmetrics_totaltimems_count{request="Metadata"}';
    for (let i = 0; i < 3; i++) await session.client.send(metadata, 11, { topics: [] });
    const after = await scrape();
    expect((numberAt(after, series) ?? 0) - (numberAt(before, series) ?? 0)).toBe(3);
    expect((numberAt(after, took) ?? 0) - (numberAt(before, took) ?? 0)).toBe(3);
    const all = 'kafka_network_requestmetrics_totaltimems_bucket{request="Metadata",le="+Inf"}';
    expect(numberAt(after, all)).toBe(numberAt(after, took));
    // The topic was created on a disk that syncs.
    expect(numberAt(after, "kafka_log_logflushstats_logflushrateandtimems_count")).toBeGreaterThan(0);
  });

  it("tell of partitions, connections, groups with their lag, and transactions", async () => {
    const topic = await session.createTopic("lagging");
    await session.findCoordinator("group", "group");
    await session.produce(topic, ["a", "b", "c"]);
    await session.commitOffset("group", topic, 1);
    await session.findCoordinator("transaction", "txn");
    const producer = await session.initProducer("txn");
    await session.produce(topic, ["open"], { producer, transactionalId: "txn" });
    const text = await scrape();
    expect(
      numberAt(text, 'kafka_consumergroup_current_offset{consumergroup="group",topic="lagging",partition="0"}'),
    ).toBe(1);
    expect(numberAt(text, 'kafka_consumergroup_lag{consumergroup="group",topic="lagging",partition="0"}')).toBe(3);
    expect(numberAt(text, 'kafka_cluster_partition_laststableoffsetlag{topic="lagging",partition="0"}')).toBe(1);
    expect(numberAt(text, 'kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"}')).toBe(1);
    expect(numberAt(text, 'oncilla_transactional_ids{state="Ongoing"}')).toBe(1);
    expect(numberAt(text, "kafka_controller_kafkacontroller_offlinepartitionscount")).toBe(0);
    expect(numberAt(text, 'oncilla_groups{state="Empty"}')).toBe(1);
  });

  it("tell of the process, and are well formed", async () => {
    const text = await scrape();
    expect(numberAt(text, "process_cpu_seconds_total")).toBeGreaterThan(0);
    expect(numberAt(text, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(text).toContain("nodejs_eventloop_lag_p99_seconds");
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
      expect(line).toMatch(/^[a-z_]\w*(\{(\w+="[^"]*",?)*\})? -?(\d[\d.e+-]*|\+Inf|Nan)$/i);
    }
  });

  it("forget topics that are gone, whose records still count in all", async () => {
    const topic = await session.createTopic("gone");
    await session.produce(topic, ["a"]);
    const before = await scrape();
    expect(before).toContain('topic="gone"');
    await session.deleteTopic(topic);
    const after = await scrape();
    expect(after).not.toContain('topic="gone"');
    const all = "kafka_server_brokertopicmetrics_messagesin_total";
    expect(numberAt(after, all)).toBe(numberAt(before, all));
  });

  it("are nowhere else", async () => {
    expect((await fetch(`http://${broker.metricsAddress}/`)).status).toBe(404);
    expect((await fetch(`http://${broker.metricsAddress}/metrics`, { method: "POST" })).status).toBe(405);
  });
});

describe("metricsPort", () => {
  it("in use is refused, and the broker's own port is free again", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const metricsPort = typeof address === "object" && address ? address.port : 0;
    await expect(Broker.start({ metricsPort })).rejects.toMatchObject({ code: "PORT_IN_USE" });
    server.close();
  });

  it("left out: nothing is shown", async () => {
    const silent = await Broker.start();
    expect(silent.metricsAddress).toBeUndefined();
    await silent.stop();
  });

  it("on a platform that shows none is refused", async () => {
    const { metrics: _, ...platform } = nodePlatform;
    await expect(Broker.start({ metricsPort: 0, platform })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

it("a histogram counts what is at a bound in its bucket, and what is beyond all in the last", () => {
  const histogram = new TimeHistogram();
  for (const elapsedMs of [0, 0.25, 0.3, 10_000, 10_001]) histogram.observe(elapsedMs);
  const samples = histogram.samples("took", { request: "Fetch" });
  const below = (le: string): unknown => samples.find(({ labels }) => labels.le === le)?.value;
  expect([below("0.25"), below("0.5"), below("10000"), below("+Inf")]).toEqual([2, 3, 4, 5]);
  expect(samples.at(-2)).toEqual({ metricName: "took_sum", labels: { request: "Fetch" }, value: 20_001.55 });
  expect(samples.at(-1)).toEqual({ metricName: "took_count", labels: { request: "Fetch" }, value: 5 });
});
