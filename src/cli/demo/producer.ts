/**
 * The producing process. Each transaction holds a run of lines and, as a consumer group's offset, the number of the next
 * line: what a later life of the process reads to go on. Lines and position are committed together or not at all.
 */
import { Client, type Producer, type ProducerRecord } from "../../client/index.ts";
import type { Reporter } from "../processes/reporter.ts";
import { linesOf } from "./input.ts";
import type { ChildConfig } from "./messages.ts";

const LINES_PER_COMMIT = 1000;

export async function runProducer(config: ChildConfig, reporter: Reporter): Promise<void> {
  const client = new Client({ brokers: config.brokers, clientId: "demo-producer" });
  const chunks = config.guarantee === "exactly_once_v2" ? transactional(client, config) : flushed(client, config);
  let position = await chunks.start();
  const first = position;
  let commits = 0;
  reporter.ready();
  for await (const chunk of chunksOf(config.files, position)) {
    const records = chunk.map(
      (line, index): ProducerRecord => ({ topic: config.topics.lines, key: String(position + index), value: line }),
    );
    position += chunk.length;
    await chunks.write(records, position);
    reporter.progress({ lines: position - first, commits: ++commits }, position);
  }
  await chunks.close();
  await client.close();
}

/** How a run of lines and the position behind it become durable. */
interface ChunkWriter {
  /** Resolves with the number of the first line that is not in the log yet. */
  start(): Promise<number>;
  write(records: readonly ProducerRecord[], nextPosition: number): Promise<void>;
  close(): Promise<void>;
}

function transactional(client: Client, config: ChildConfig): ChunkWriter {
  const producer = client.producer({ transactionalId: `${config.applicationId}-producer` });
  const group = positionGroup(config);
  return {
    async start() {
      // Ends what an earlier life left open, so that the position read next is final.
      await producer.initTransactions();
      return committedPosition(client, config);
    },
    async write(records, nextPosition) {
      producer.beginTransaction();
      for (const record of records) await enqueue(producer, record);
      await producer.sendOffsetsToTransaction([{ topic: config.topics.lines, partition: 0, offset: nextPosition }], {
        groupId: group,
        generationId: -1,
        memberId: "",
        groupInstanceId: null,
      });
      await producer.commitTransaction();
    },
    close: () => producer.close(),
  };
}

/** At least once: lines first, the position after them, in two steps that a crash can come between. */
function flushed(client: Client, config: ChildConfig): ChunkWriter {
  const producer = client.producer();
  const consumer = client.consumer({ groupId: positionGroup(config) });
  return {
    start: () => committedPosition(client, config),
    async write(records, nextPosition) {
      for (const record of records) await enqueue(producer, record);
      await producer.flush();
      await consumer.commit([{ topic: config.topics.lines, partition: 0, offset: nextPosition }]);
    },
    async close() {
      await producer.close();
      await consumer.close();
    },
  };
}

async function enqueue(producer: Producer, record: ProducerRecord): Promise<void> {
  producer.enqueue(record);
  const room = producer.ready();
  if (room) await room;
}

function positionGroup(config: ChildConfig): string {
  return `${config.applicationId}-producer`;
}

async function committedPosition(client: Client, config: ChildConfig): Promise<number> {
  const consumer = client.consumer({ groupId: positionGroup(config) });
  const committed = await consumer.committed([{ topic: config.topics.lines, partition: 0 }]);
  await consumer.close();
  return committed[0]?.offset ?? 0;
}

async function* chunksOf(files: readonly string[], from: number): AsyncGenerator<string[]> {
  let number = 0;
  let chunk: string[] = [];
  for await (const line of linesOf(files)) {
    if (number++ < from) continue;
    chunk.push(line);
    if (chunk.length < LINES_PER_COMMIT) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
