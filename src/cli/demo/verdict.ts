/** The comparison of what came out with what had to. */
import { DatabaseSync } from "node:sqlite";
import { type Client, serdes, type TransactionMarker } from "../../client/index.ts";
import { readTopic } from "../cluster/read-topic.ts";
import type { DemoTopics } from "./messages.ts";
import type { Truth } from "./truth.ts";

/** How far two amounts are apart, in both directions: nothing cancels out. */
interface Difference {
  readonly lost: number;
  readonly duplicated: number;
}

export interface Verdict {
  /** Input lines in the log. */
  readonly lines: Difference;
  /** Counts in the database against the truth. */
  readonly table: Difference;
  /** Keys whose last value in the output topic differs from that in the store's changelog, over all partitions. */
  readonly changelogMismatches: number;
  /** Transactions that the log says were aborted: rolled back, or cut off by a crash. */
  readonly abortedTransactions: number;
}

type OnMarker = (marker: TransactionMarker) => void;

export function isClean(verdict: Verdict): boolean {
  const { lines, table, changelogMismatches } = verdict;
  return lines.lost + lines.duplicated + table.lost + table.duplicated + changelogMismatches === 0;
}

export async function judge(client: Client, topics: DemoTopics, database: string, truth: Truth): Promise<Verdict> {
  const aborted = new Set<string>();
  const onMarker = ({ type, producerId, producerEpoch }: TransactionMarker): void => {
    if (type === "abort") aborted.add(`${producerId}/${producerEpoch}`);
  };
  await readTopic(client, topics.repartition, () => {}, onMarker);
  return {
    lines: await compareLines(client, topics.lines, truth, onMarker),
    table: compareTable(readTable(database), truth.counts),
    changelogMismatches: await compareWithChangelog(client, topics, onMarker),
    abortedTransactions: aborted.size,
  };
}

/** Each line carries its number as key: which are missing and which came twice is exact. */
async function compareLines(client: Client, topic: string, truth: Truth, onMarker: OnMarker): Promise<Difference> {
  const copies = new Uint32Array(truth.lines);
  await readTopic(
    client,
    topic,
    (record) => {
      const number = Number(serdes.string.deserialize(record.key ?? new Uint8Array(0)));
      copies[number] = (copies[number] ?? 0) + 1;
    },
    onMarker,
  );
  let lost = 0;
  let duplicated = 0;
  for (const count of copies) {
    if (count === 0) lost++;
    else duplicated += count - 1;
  }
  return { lost, duplicated };
}

function readTable(database: string): Map<string, number> {
  const connection = new DatabaseSync(database, { readOnly: true });
  try {
    const rows = connection.prepare("SELECT word, count FROM word_counts").all();
    return new Map(rows.map((row) => [String(row.word), Number(row.count)]));
  } finally {
    connection.close();
  }
}

function compareTable(table: ReadonlyMap<string, number>, truth: ReadonlyMap<string, number>): Difference {
  let lost = 0;
  let duplicated = 0;
  for (const word of new Set([...table.keys(), ...truth.keys()])) {
    const difference = (table.get(word) ?? 0) - (truth.get(word) ?? 0);
    if (difference < 0) lost -= difference;
    else duplicated += difference;
  }
  return { lost, duplicated };
}

async function compareWithChangelog(client: Client, topics: DemoTopics, onMarker: OnMarker): Promise<number> {
  const view = await lastValues(client, topics.counts, onMarker);
  const changelog = await lastValues(client, topics.changelog, onMarker);
  let mismatches = 0;
  for (const key of new Set([...view.keys(), ...changelog.keys()])) {
    if (view.get(key) !== changelog.get(key)) mismatches++;
  }
  return mismatches;
}

/** The last value of each key, by partition and key. */
async function lastValues(client: Client, topic: string, onMarker: OnMarker): Promise<Map<string, number>> {
  const values = new Map<string, number>();
  await readTopic(
    client,
    topic,
    ({ partition, key, value }) => {
      const name = `${partition}/${key ? serdes.string.deserialize(key) : ""}`;
      if (value === null) values.delete(name);
      else values.set(name, serdes.int64.deserialize(value));
    },
    onMarker,
  );
  return values;
}
