// The scenarios that every client of others goes through as a driven program, each checked record by record.

import { deepStrictEqual, ok } from "node:assert/strict";
import { addOffsetsToTxn } from "../../src/protocol/apis/add-offsets-to-txn.ts";
import { endTxn } from "../../src/protocol/apis/end-txn.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { txnOffsetCommit } from "../../src/protocol/apis/txn-offset-commit.ts";
import { until } from "../support/until.ts";
import type { Context } from "./context.ts";
import { ClientError, type Driver, type ReadRecord, type TopicRecord } from "./driver.ts";
import { openFaultyProxy } from "./faulty-proxy.ts";
import { byPartition, type Codec, describeRecord, type InteropRecord, interopRecord } from "./records.ts";
import { committedOffsets, readTopic, write } from "./truth.ts";

export const partitions = 4;
const valueSize = 700;

export function recordsOf(topic: string, first: number, count: number, baseTime: number): TopicRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    topic,
    ...interopRecord(first + at, partitions, valueSize, baseTime),
  }));
}

/** The same records, in the same order within each partition. What a difference throws says where, and not all of both. */
export function same(actual: readonly InteropRecord[], expected: readonly InteropRecord[], what: string): void {
  const [has, wants] = [actual, expected].map((records) => byPartition(records).map(describeRecord)) as [
    string[],
    string[],
  ];
  const at = wants.findIndex((record, index) => record !== has[index]);
  if (at < 0 && has.length === wants.length) return;
  const index = at < 0 ? wants.length : at;
  const [is, should] = [has[index], wants[index]].map((record) => record?.slice(0, 60) ?? "nothing");
  throw new Error(`${what}: ${has.length} records, not ${wants.length}; first ${is} in the place of ${should}`);
}

/** As `same`, of what the client shows: a difference is the client's doing once the log was found to be right. */
export function shows(actual: readonly ReadRecord[], expected: readonly InteropRecord[], what: string): void {
  try {
    same(actual, expected, what);
  } catch (error) {
    throw new ClientError(`it shows something else: ${(error as Error).message}`);
  }
}

/** The value of what `markEnds` writes. */
const endMark = "the end";

/** Writes a last record to each partition, behind everything that a reader is to see. */
export async function markEnds(context: Context, topic: string): Promise<void> {
  const marks = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, value: endMark }));
  await write(context.client, marks);
}

/** What the broker has in a topic, end marks aside, as our own client reads it. */
export async function storedRecords(
  { client }: Context,
  topic: string,
  isolation: "read_committed" | "read_uncommitted",
): Promise<ReadRecord[]> {
  return (await readTopic(client, topic, isolation)).filter(({ value }) => value?.toString() !== endMark);
}

/** What the client shows of a topic up to its end marks, read from the beginning by a group of its own. */
export async function readToMarks(
  driver: Driver,
  context: Context,
  topic: string,
  isolation: "read_committed" | "read_uncommitted",
): Promise<ReadRecord[]> {
  await driver.open(context.bootstrap, { consumer: { group: context.name("group"), topics: [topic], isolation } });
  const shown: ReadRecord[] = [];
  let marks = 0;
  const deadline = performance.now() + 30_000;
  while (marks < partitions) {
    ok(performance.now() < deadline, `read only ${shown.length} records and ${marks} end marks in 30 s`);
    for (const record of (await driver.poll(200)).records) {
      if (record.value?.toString() === endMark) marks++;
      else shown.push(record);
    }
  }
  await driver.close();
  return shown;
}

/** Write in each codec and read back; read what our own client wrote in it. */
export async function produceAndConsume(driver: Driver, context: Context, codecs: readonly Codec[]): Promise<string> {
  const count = 200;
  for (const compression of codecs) {
    const topic = await context.createTopic(partitions);
    const baseTime = Date.now();
    const sent = driver.writable(recordsOf(topic, 0, count, baseTime));

    await driver.open(context.bootstrap, { producer: { idempotent: false, compression } });
    const offsets = await driver.send(sent);
    deepStrictEqual(
      offsets,
      sent.map((_, index) => Math.floor(index / partitions)),
      `${compression}: offsets`,
    );
    same(await readTopic(context.client, topic, "read_uncommitted"), sent, `${compression}: what is in the log`);
    await markEnds(context, topic);
    const shown = await readToMarks(driver, context, topic, "read_committed");
    shows(shown, sent, `${compression}: what it reads of its own`);
    deepStrictEqual(
      byPartition(shown).map(({ offset }) => offset),
      byPartition(sent).map((_, at) => at % (count / partitions)),
      `${compression}: offsets that it reads`,
    );

    const ours = await context.createTopic(partitions);
    const written = recordsOf(ours, 0, count, baseTime);
    await write(context.client, written, compression);
    await markEnds(context, ours);
    shows(await readToMarks(driver, context, ours, "read_committed"), written, `${compression}: what it reads of ours`);
    for (const each of [topic, ours]) context.expectRecords(each, count + partitions);
  }
  return codecs.join(", ");
}

/**
 * Answers to Produce requests are lost, so that the client sends batches again that are in the log already. The same
 * without idempotence must leave duplicates, or fail: or else the losses would prove nothing.
 */
export async function idempotence(driver: Driver, context: Context): Promise<string> {
  const proxy = await openFaultyProxy(context.bootstrap);
  const rounds = 6;
  const perRound = 200;
  try {
    const topic = await context.createTopic(partitions);
    await driver.open(proxy.address, { producer: { idempotent: true, batchBytes: 4096 } });
    const sent: TopicRecord[] = [];
    let armed = 0;
    for (let round = 0; round < rounds; round++) {
      const records = driver.writable(recordsOf(topic, round * perRound, perRound, Date.now()));
      // The first request that comes, or one in the middle of many; some clients send only one a round.
      if (proxy.faults.hits === armed) proxy.faults.at(produce, 1 + (armed++ % 3), "lose answer");
      await driver.send(records);
      sent.push(...records);
    }
    ok(proxy.faults.hits >= rounds / 2, `only ${proxy.faults.hits} answers were lost`);
    const lost = proxy.faults.hits;
    same(await readTopic(context.client, topic, "read_uncommitted"), sent, "what is in the log");

    const plain = await context.createTopic(partitions);
    await driver.open(proxy.address, { producer: { idempotent: false, batchBytes: 4096 } });
    proxy.faults.at(produce, 1, "lose answer");
    const records = driver.writable(recordsOf(plain, 0, perRound, Date.now()));
    const failed = await driver.send(records).then(
      () => false,
      (error: unknown) => error instanceof ClientError,
    );
    await driver.close();
    const stored = (await readTopic(context.client, plain, "read_uncommitted")).length;
    ok(failed || stored > perRound, "the lost answer changed nothing without idempotence");
    const without = failed ? "the send fails" : `${stored - perRound} duplicates`;
    return `${sent.length} records, ${lost} answers lost; without idempotence ${without}`;
  } finally {
    await proxy.close();
  }
}

/** Commits two of three transactions over all partitions and aborts the third; on request, the answers get lost. */
export async function transactions(driver: Driver, context: Context, loseAnswers: boolean): Promise<string> {
  const proxy = await openFaultyProxy(context.bootstrap);
  const rounds = 9;
  try {
    const topic = await context.createTopic(partitions);
    const transactionalId = context.name("id");
    await driver.open(loseAnswers ? proxy.address : context.bootstrap, { producer: { transactionalId } });
    const all: TopicRecord[] = [];
    const committed: TopicRecord[] = [];
    for (let round = 0; round < rounds; round++) {
      const records = driver.writable(recordsOf(topic, round * 20, 20, Date.now()));
      await driver.begin();
      if (loseAnswers && round % 2 === 1) proxy.faults.at(produce, 1, "lose answer");
      await driver.send(records);
      all.push(...records);
      if (loseAnswers) proxy.faults.at(endTxn, 1, "lose answer");
      if (round % 3 === 1) {
        await driver.abort();
      } else {
        await driver.commit();
        committed.push(...records);
      }
    }
    await driver.close();
    if (loseAnswers) deepStrictEqual(proxy.faults.hits, rounds + Math.floor(rounds / 2), "answers lost");
    await markEnds(context, topic);
    for (const [isolation, expected] of [
      ["read_committed", committed],
      ["read_uncommitted", all],
    ] as const) {
      same(await storedRecords(context, topic, isolation), expected, `${isolation}, as we read`);
      shows(await readToMarks(driver, context, topic, isolation), expected, isolation);
    }
    const lost = loseAnswers ? `, ${proxy.faults.hits} answers lost` : "";
    return `${committed.length} committed, ${all.length - committed.length} aborted${lost}`;
  } finally {
    await proxy.close();
  }
}

/**
 * Consume, transform, produce: after an abort the group is where it was, and the same records are done again. On request,
 * the answers about offsets get lost.
 */
export async function offsetsInTransactions(driver: Driver, context: Context, loseAnswers: boolean): Promise<string> {
  const proxy = await openFaultyProxy(context.bootstrap);
  try {
    const { bootstrap } = loseAnswers ? { bootstrap: proxy.address } : context;
    const done = await transformAll(driver, { ...context, bootstrap }, () => {
      if (loseAnswers) for (const api of [addOffsetsToTxn, txnOffsetCommit]) proxy.faults.at(api, 1, "lose answer");
    });
    return loseAnswers ? `${done}, ${proxy.faults.hits} answers lost` : done;
  } finally {
    await proxy.close();
  }
}

async function transformAll(driver: Driver, context: Context, beforeOffsets: () => void): Promise<string> {
  const [input, output] = [await context.createTopic(partitions), await context.createTopic(partitions)];
  const count = 80;
  const baseTime = Date.now();
  const source = driver.writable(recordsOf(input, 0, count, baseTime));
  await write(context.client, source);
  const group = context.name("group");
  const clients = { producer: { transactionalId: context.name("id") }, consumer: { group, topics: [input] } };
  const done = new Map<number, number>();
  const total = (): number => [...done.values()].reduce((sum, offset) => sum + offset, 0);
  let aborts = 0;
  await driver.open(context.bootstrap, clients);
  const deadline = performance.now() + 60_000;
  for (let round = 0; total() < count; ) {
    ok(performance.now() < deadline, `only ${total()} of ${count} records in 60 s`);
    const { records } = await driver.poll(300, 15);
    if (records.length === 0) continue;
    for (const record of records) {
      deepStrictEqual(record.offset, nextOf(done, records, record), `the next record of partition ${record.partition}`);
    }
    const offsets = nextOffsets(records);
    await driver.begin();
    await driver.send(records.map((record) => ({ ...record, topic: output })));
    beforeOffsets();
    await driver.sendOffsets(offsets);
    if (round++ % 2 === 0) {
      await driver.abort();
      aborts++;
      await until(async () => sameOffsets(await committedOffsets(context.client, group), done));
      // The member starts over from what the group knows.
      await driver.open(context.bootstrap, clients);
    } else {
      await driver.commit();
      for (const { partition, offset } of offsets) done.set(partition, offset);
      await until(async () => sameOffsets(await committedOffsets(context.client, group), done));
    }
  }
  await driver.close();
  const written = await readTopic(context.client, output, "read_committed");
  same(written, source, "the output, read_committed");
  const stored = (await readTopic(context.client, output, "read_uncommitted")).length;
  ok(aborts > 0 && stored > count, `${aborts} aborts, ${stored} records stored`);
  return `${count} records once, ${stored - count} more aborted in ${aborts} transactions`;
}

/** What clients say to whoever was replaced. */
const fenced = /fenced|invalid_?producer_?epoch|producer epoch/i;

/**
 * A second producer of the same id takes over while the first has a transaction open. `firstWord`: what the first one tries
 * then. A client whose Produce was refused by the log may not ask for more; only where it commits at once, while the newer
 * one has a transaction open, is it up to the coordinator to refuse it.
 */
export async function fencing(
  older: Driver,
  newer: Driver,
  context: Context,
  firstWord: "send" | "commit",
): Promise<string> {
  const topic = await context.createTopic(partitions);
  const producer = { transactionalId: context.name("id") };
  const some = (at: number): readonly TopicRecord[] => older.writable(recordsOf(topic, at, 20, Date.now()));
  const [first, open, late, last] = [some(0), some(20), some(40), some(60)];
  await older.open(context.bootstrap, { producer });
  await older.begin();
  await older.send(first);
  await older.commit();
  await older.begin();
  await older.send(open);
  await newer.open(context.bootstrap, { producer });
  await newer.begin();
  const errors: string[] = [];
  if (firstWord === "send") errors.push(await refused(() => older.send(late), fenced));
  await newer.send(last);
  // franz-go does not ask for what cannot succeed any more.
  const allowed = firstWord === "send" ? new RegExp(`${fenced.source}|OPERATION_NOT_ATTEMPTED`, "i") : fenced;
  errors.push(await refused(() => older.commit(), allowed));
  await newer.commit();
  await newer.close();
  await markEnds(context, topic);
  for (const [isolation, expected] of [
    ["read_committed", [...first, ...last]],
    ["read_uncommitted", [...first, ...open, ...last]],
  ] as const) {
    shows(await readToMarks(newer, context, topic, isolation), expected, isolation);
  }
  return errors.join(", ");
}

/** The part of the client's error that `allowed` matches; throws when there is none. */
async function refused(act: () => Promise<unknown>, allowed: RegExp): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const match = allowed.exec(error.message);
    ok(match, `not an error of a fenced producer: ${error.message}`);
    return match[0];
  }
  throw new Error("a fenced producer was not refused");
}

/** The offset at which a record must be: behind those before it in `records`, or where the group is. */
function nextOf(done: ReadonlyMap<number, number>, records: readonly ReadRecord[], record: ReadRecord): number {
  const before = records.slice(0, records.indexOf(record)).filter(({ partition }) => partition === record.partition);
  return (done.get(record.partition) ?? 0) + before.length;
}

/** Behind the last record of each partition. */
export function nextOffsets(records: readonly ReadRecord[]): { topic: string; partition: number; offset: number }[] {
  const next = new Map<number, { topic: string; partition: number; offset: number }>();
  for (const { topic, partition, offset } of records) next.set(partition, { topic, partition, offset: offset + 1 });
  return [...next.values()];
}

function sameOffsets(left: ReadonlyMap<number, number>, right: ReadonlyMap<number, number>): boolean {
  return left.size === right.size && [...left].every(([partition, offset]) => right.get(partition) === offset);
}
