/** What a round left behind: in the logs, read without the consumer that is under test, in the groups, and in the sink's table. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { type Admin, type BrokerInfo, OncillaError, type PartitionInfo } from "../../client/index.ts";
import { BrokerConnection } from "../../client/network/connection.ts";
import { nodePlatform } from "../../platform/node/index.ts";
import { fetch } from "../../protocol/apis/fetch.ts";
import { errorName } from "../../protocol/errors.ts";
import { nameOf } from "./check/invariant.ts";
import type { TableRow } from "./check/sink-invariants.ts";
import { type StoredPartition, StoredPartitionReader } from "./check/stored-partition.ts";
import { TABLE } from "./programs/store.ts";

/** The last one that names topics by their names. */
const FETCH_VERSION = 12;
const FETCH_BYTES = 8 * 1024 * 1024;
const CONNECTION_OPTIONS = {
  platform: nodePlatform,
  clientId: "oncilla-verify",
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};

/** The partitions of all `topics`, whole, from their leaders. */
export async function readStoredPartitions(admin: Admin, topics: readonly string[]): Promise<StoredPartition[]> {
  const partitions = (await admin.describeTopics(topics)).flatMap((topic) => topic.partitions);
  const { brokers } = await admin.describeCluster();
  const starts = await admin.listOffsets(partitions.map((each) => ({ ...each, spec: "earliest" })));
  const startOf = new Map(starts.map((start) => [nameOf(start), start.offset]));
  const stored: StoredPartition[] = [];
  for (const [leader, led] of Map.groupBy(partitions, (each) => each.leader)) {
    const connection = await connect(brokers, leader);
    for (const each of led) stored.push(await readStored(connection, each, startOf.get(nameOf(each)) ?? 0));
    connection.close(new OncillaError("CLOSED", "all is read"));
  }
  return stored;
}

function connect(brokers: readonly BrokerInfo[], leader: number): Promise<BrokerConnection> {
  const broker = brokers.find(({ nodeId }) => nodeId === leader);
  if (!broker) throw new Error(`broker ${leader} is gone`);
  return BrokerConnection.open(broker.host, broker.port, CONNECTION_OPTIONS, new AbortController().signal);
}

async function readStored(
  connection: BrokerConnection,
  { topic, partition }: PartitionInfo,
  startOffset: number,
): Promise<StoredPartition> {
  const reader = new StoredPartitionReader({ topic, partition }, startOffset);
  for (let offset = startOffset; ; offset = reader.endOffset) {
    const response = await connection.send(fetch, FETCH_VERSION, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: FETCH_BYTES,
      isolationLevel: 0,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: FETCH_BYTES }] }],
    });
    const answer = response.responses[0]?.partitions[0];
    const error = errorName(answer?.errorCode ?? response.errorCode);
    if (error !== "NONE") throw new Error(`reading ${topic}-${partition} at ${offset}: ${error}`);
    if (!answer?.records || offset >= answer.highWatermark) return reader.result();
    reader.add(answer.records);
  }
}

/** The sink's table, in the order in which its rows were written. */
export function readRows(database: string): TableRow[] {
  if (!existsSync(database)) return [];
  const connection = new DatabaseSync(database, { readOnly: true });
  try {
    const rows = connection.prepare(`SELECT topic, partition, offset, value FROM ${TABLE} ORDER BY rowid`).all();
    return rows.map(({ topic, partition, offset, value }) => ({
      topic: String(topic),
      partition: Number(partition),
      offset: Number(offset),
      value: String(value),
    }));
  } finally {
    connection.close();
  }
}
