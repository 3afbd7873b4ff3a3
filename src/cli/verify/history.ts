/** What the clients of a world did and saw, in the order in which it happened. */
import { crc32c } from "@node-rs/crc32";
import type { IsolationLevel, TopicPartition } from "../../client/index.ts";

/** The header that names a record. */
export const ID_HEADER = "id";

/** A moment: counts what was noted, so that two moments can be told apart and put in order. */
export type Moment = number;

export interface SentRecord extends TopicPartition {
  readonly id: string;
  /** The life of a producer. */
  readonly session: string;
  readonly transaction: TransactionEntry | undefined;
  /** `failed`: the producer was told an error; whether the record is in the log is open. */
  outcome: "open" | "acknowledged" | "failed";
  /** Where it was acknowledged to be; -1 when the broker did not say. */
  offset: number;
}

export interface TransactionEntry {
  readonly id: string;
  readonly session: string;
  readonly records: SentRecord[];
  /** When the producer first asked for the commit. */
  commitAskedAt: Moment | undefined;
  /** `open`: its process died, or never ended it. `unknown`: the commit was asked for, and nothing certain came back. */
  outcome: "open" | "committed" | "aborted" | "unknown";
}

export interface ReadRecord {
  readonly offset: number;
  /** Of a record with an id. */
  readonly id: string | undefined;
  /** Of key and value. */
  readonly checksum: number;
  readonly at: Moment;
}

/** One reader's life with one partition, or one stretch of it without a jump. */
export interface PartitionReads extends TopicPartition {
  readonly reader: string;
  readonly isolation: IsolationLevel;
  /** Whether it began at the log's start. */
  readonly isFromStart: boolean;
  readonly records: ReadRecord[];
  /** Everything below was handed out to it; 0 when it does not say. */
  readTo: number;
}

/** What ListOffsets answered. */
export interface Observation extends TopicPartition {
  readonly kind: "earliest" | "high watermark" | "last stable offset";
  readonly offset: number;
  readonly askedAt: Moment;
  readonly answeredAt: Moment;
}

/** A record as the reader of committed records saw it last. */
export interface SeenRecord extends TopicPartition {
  readonly offset: number;
  readonly id: string | undefined;
  readonly key: string;
  readonly value: Buffer;
}

export class History {
  readonly sent: Map<string, SentRecord> = new Map();
  readonly transactions: TransactionEntry[] = [];
  readonly reads: PartitionReads[] = [];
  readonly observations: Observation[] = [];
  /** What the reader of committed records has seen so far, by topic, then by partition and offset: for workloads to know when
   * they are through. Not evidence. */
  readonly seen: Map<string, Map<string, SeenRecord>> = new Map();
  #now: Moment = 0;

  /** A new moment, after all that was noted before. */
  moment(): Moment {
    return ++this.#now;
  }

  /** Before the record is handed to the producer. */
  sends(id: string, session: string, { topic, partition }: TopicPartition, transaction?: TransactionEntry): SentRecord {
    const record: SentRecord = { id, session, topic, partition, transaction, outcome: "open", offset: -1 };
    this.sent.set(id, record);
    transaction?.records.push(record);
    return record;
  }

  begins(id: string, session: string): TransactionEntry {
    const entry: TransactionEntry = { id, session, records: [], commitAskedAt: undefined, outcome: "open" };
    this.transactions.push(entry);
    return entry;
  }

  /** As `seen`, of one topic. */
  seenIn(topic: string): ReadonlyMap<string, SeenRecord> {
    return this.seen.get(topic) ?? new Map();
  }

  sees(record: SeenRecord): void {
    const ofTopic = this.seen.get(record.topic) ?? new Map<string, SeenRecord>();
    this.seen.set(record.topic, ofTopic.set(placeOf(record), record));
  }

  reader(
    reader: string,
    isolation: IsolationLevel,
    { topic, partition }: TopicPartition,
    isFromStart: boolean,
  ): PartitionReads {
    const reads: PartitionReads = { reader, isolation, topic, partition, isFromStart, records: [], readTo: 0 };
    this.reads.push(reads);
    return reads;
  }
}

/** "orders-2@17". */
export function placeOf({ topic, partition, offset }: TopicPartition & { readonly offset: number }): string {
  return `${topic}-${partition}@${offset}`;
}

export function checksumOf(key: Uint8Array | null, value: Uint8Array | null): number {
  return crc32c(value ?? "", crc32c(key ?? ""));
}
