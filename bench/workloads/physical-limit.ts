/**
 * How near the brokers come to what the machine allows: the same bytes in the same pattern against a plain server that
 * only writes what it receives, and one that only sends what it reads. One connection, requests of 100 KiB and of 1 MiB,
 * made beforehand.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { encodeRequest, readResponseAfterCorrelationId } from "../../src/protocol/frame.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { RecordBatchBuilder } from "../../src/protocol/records/builder.ts";
import { hasCompiler } from "../harness/native.ts";
import { startPlainServer } from "../harness/plain-server.ts";
import { cpuSeconds } from "../harness/process-usage.ts";
import { type Exchange, exchange } from "../harness/raw-load.ts";
import type { Side } from "../harness/sides.ts";
import { figure, median } from "../harness/statistics.ts";
import { table } from "../harness/table.ts";
import type { Tools } from "../harness/tools.ts";

const RECORD_BYTES = 1024;
const PRODUCE_VERSION = 9;
const FETCH_VERSION = 12;
const IN_FLIGHT = 5;
const BYTES = 2 ** 30;
const AIM = 0.7;
const AIMED_AT = "100 KiB";

interface Pattern {
  readonly name: string;
  readonly records: number;
}

const patterns: readonly Pattern[] = [
  { name: "100 KiB", records: 100 },
  // With what is around each record, a little less than max.message.bytes.
  { name: "1 MiB", records: 1010 },
];

export interface LimitRow {
  readonly requests: string;
  readonly measure: Measure;
  /** By who did it. */
  readonly medians: Readonly<Record<string, number>>;
}

const measures = ["receive, MB/s", "receive, CPU s/GiB", "send, MB/s", "send, CPU s/GiB"] as const;
type Measure = (typeof measures)[number];
type Found = Readonly<Record<Measure, number>>;

/** One of those compared: does the pattern once in each direction. */
interface Contestant {
  readonly label: string;
  run(pattern: Pattern): Promise<Found>;
}

export async function measurePhysicalLimit(tools: Tools, sides: readonly Side[], pairs: number): Promise<LimitRow[]> {
  const contestants = [plainServer(tools), ...sides.map((side) => broker(tools, side))];
  const rows: LimitRow[] = [];
  for (const pattern of patterns) {
    const found = contestants.map(({ label }) => ({ label, runs: [] as Found[] }));
    // The first round warms up.
    for (let round = 0; round <= pairs; round++) {
      for (const [index, contestant] of contestants.entries()) {
        const run = await contestant.run(pattern);
        if (round > 0) found[index]?.runs.push(run);
      }
    }
    for (const measure of measures) {
      const medians = Object.fromEntries(
        found.map(({ label, runs }) => [label, median(runs.map((run) => run[measure]))]),
      );
      rows.push({ requests: pattern.name, measure, medians });
    }
  }
  return rows;
}

export function limitTable(rows: readonly LimitRow[]): string {
  const labels = Object.keys(rows[0]?.medians ?? {});
  const [limit = "", ...brokers] = labels;
  return table(
    ["physical limit", ...labels, ...brokers.map((label) => `${label} / limit`), "aim"],
    rows.map(({ measure, requests, medians }) => [
      `${requests}, ${measure}`,
      ...labels.map((label) => figure(medians[label] ?? Number.NaN)),
      ...brokers.map((label) => figure((medians[label] ?? Number.NaN) / (medians[limit] ?? Number.NaN))),
      requests === AIMED_AT && measure.endsWith("MB/s") ? `>= ${AIM}` : "",
    ]),
  );
}

function plainServer(tools: Tools): Contestant {
  return {
    label: hasCompiler() ? "plain C server" : "plain Node server",
    async run(pattern) {
      const file = join(tools.root, "plain-server");
      const batch = batchOf(pattern);
      const frame = produceFrame("plain", batch);
      const requests = requestsOf(tools, pattern);
      await tools.pageCache.settle();
      const receiver = await startPlainServer("receive", file);
      const received = await measured(receiver.pid, requests * batch.length, () =>
        exchange({ address: receiver.address, requests, inFlight: IN_FLIGHT, request: () => frame }),
      );
      await receiver.stop();
      const sender = await startPlainServer("send", file);
      const request = (index: number): Uint8Array => plainSendRequest(batch.length, index * batch.length);
      const sent = await measured(sender.pid, requests * batch.length, () =>
        exchange({ address: sender.address, requests, inFlight: IN_FLIGHT, request }),
      );
      await sender.stop();
      rmSync(file);
      return foundIn(received, sent);
    },
  };
}

function broker(tools: Tools, side: Side): Contestant {
  return {
    label: side.label,
    async run(pattern) {
      const topic = await tools.createTopic(side, 1);
      const batch = batchOf(pattern);
      const frame = produceFrame(topic, batch);
      const requests = requestsOf(tools, pattern);
      const address = side.bootstrap;
      await tools.pageCache.settle();
      const received = await measured(side.pid, requests * batch.length, () =>
        exchange({ address, requests, inFlight: IN_FLIGHT, request: () => frame }),
      );
      checkProduced(received.last, (requests - 1) * pattern.records);
      const request = (index: number): Uint8Array => fetchFrame(topic, index * pattern.records, batch.length);
      const sent = await measured(side.pid, requests * batch.length, () =>
        exchange({ address, requests, inFlight: IN_FLIGHT, request }),
      );
      checkFetched(side.label, sent, requests, batch.length);
      await tools.deleteTopic(side, topic);
      return foundIn(received, sent);
    },
  };
}

interface MeasuredExchange extends Exchange {
  readonly throughput: number;
  readonly cpuPerGib: number;
}

async function measured(pid: number, batchBytes: number, work: () => Promise<Exchange>): Promise<MeasuredExchange> {
  const before = cpuSeconds(pid) ?? Number.NaN;
  const done = await work();
  const used = (cpuSeconds(pid) ?? Number.NaN) - before;
  return { ...done, throughput: batchBytes / 1e6 / done.seconds, cpuPerGib: used / (batchBytes / 2 ** 30) };
}

function foundIn(received: MeasuredExchange, sent: MeasuredExchange): Found {
  return {
    "receive, MB/s": received.throughput,
    "receive, CPU s/GiB": received.cpuPerGib,
    "send, MB/s": sent.throughput,
    "send, CPU s/GiB": sent.cpuPerGib,
  };
}

function requestsOf(tools: Tools, pattern: Pattern): number {
  return tools.scaled(BYTES / (pattern.records * RECORD_BYTES));
}

function batchOf(pattern: Pattern): Uint8Array {
  const builder = new RecordBatchBuilder(pattern.records * (RECORD_BYTES + 16));
  const value = Buffer.alloc(RECORD_BYTES, "x");
  for (let i = 0; i < pattern.records; i++) builder.append(1_700_000_000_000, null, value);
  return builder.build();
}

function produceFrame(topic: string, records: Uint8Array): Uint8Array {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  const body = { acks: -1, timeoutMs: 30_000, topicData };
  return Buffer.concat(encodeRequest(produce, PRODUCE_VERSION, { correlationId: 1, clientId: "limit" }, body));
}

function fetchFrame(topic: string, fetchOffset: number, partitionMaxBytes: number): Uint8Array {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes }];
  const body = { maxWaitMs: 1000, minBytes: 1, isolationLevel: 0, sessionId: 0, topics: [{ topic, partitions }] };
  return Buffer.concat(encodeRequest(fetch, FETCH_VERSION, { correlationId: 1, clientId: "limit" }, body));
}

/** For the plain server: a length, how much is wanted, and from where. */
function plainSendRequest(size: number, offset: number): Uint8Array {
  const frame = Buffer.alloc(16);
  frame.writeUInt32BE(12, 0);
  frame.writeUInt32BE(size, 4);
  frame.writeBigUInt64BE(BigInt(offset), 8);
  return frame;
}

function checkProduced(last: Buffer, baseOffset: number): void {
  const response = readResponseAfterCorrelationId(produce, PRODUCE_VERSION, new Reader(last, 4));
  const answer = response.responses[0]?.partitionResponses[0];
  if (answer?.errorCode === 0 && answer.baseOffset === baseOffset) return;
  throw new Error(`the last batch should be at ${baseOffset}: ${JSON.stringify(answer)}`);
}

function checkFetched(label: string, { last, bytes }: Exchange, requests: number, batchBytes: number): void {
  const response = readResponseAfterCorrelationId(fetch, FETCH_VERSION, new Reader(last, 4));
  const answer = response.responses[0]?.partitions[0];
  if (answer?.errorCode === 0 && answer.records?.length === batchBytes && bytes >= requests * batchBytes) return;
  const found = `the last held ${answer?.records?.length} (error ${answer?.errorCode}), all ${bytes}`;
  throw new Error(`${label}: each of ${requests} answers should hold a batch of ${batchBytes} bytes; ${found}`);
}
