/** What a process did and saw, in a file before it goes on: a SIGKILL takes none of it back. */
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { IsolationLevel, TopicPartition } from "../../client/index.ts";
import {
  History,
  type Moment,
  type Observation,
  type PartitionReads,
  type ReadRecord,
  type SentRecord,
  type TransactionEntry,
} from "./history.ts";

const SUFFIX = ".journal";

type Entry =
  | readonly ["sends", id: string, session: string, topic: string, partition: number, transaction: string | null]
  | readonly ["acknowledged", id: string, offset: number]
  | readonly ["failed", id: string]
  | readonly ["begins", transaction: string, session: string]
  | readonly ["asks", transaction: string, at: Moment]
  | readonly ["ended", transaction: string, outcome: "committed" | "aborted"]
  | readonly ["opens", reader: string, isolation: IsolationLevel, topic: string, partition: number]
  | readonly ["reads", reader: string, topic: string, partition: number, at: Moment, records: readonly ReadEntry[]]
  | readonly ["reached", reader: string, topic: string, partition: number, readTo: number]
  | readonly ["observes", observation: Observation];

type ReadEntry = readonly [offset: number, id: string | null, checksum: number];

/** Of the machine, in µs: the same for all its processes, and never set back. */
export function moment(): Moment {
  return Number(process.hrtime.bigint() / 1_000n);
}

export class Journal {
  readonly #file: number;

  /** One for each process; its lives go on in the same file. */
  constructor(folder: string, process: string) {
    this.#file = openSync(join(folder, `${process}${SUFFIX}`), "a");
    // The last life may have died inside a line.
    writeSync(this.#file, "\n");
  }

  /** Before the record is handed to the producer. */
  sends(id: string, session: string, { topic, partition }: TopicPartition, transaction?: string): void {
    this.#write(["sends", id, session, topic, partition, transaction ?? null]);
  }

  acknowledged(id: string, offset: number): void {
    this.#write(["acknowledged", id, offset]);
  }

  /** The producer was told an error: whether the record is in the log is open. */
  failed(id: string): void {
    this.#write(["failed", id]);
  }

  begins(transaction: string, session: string): void {
    this.#write(["begins", transaction, session]);
  }

  /** Before the commit is asked for. */
  asksToCommit(transaction: string): void {
    this.#write(["asks", transaction, moment()]);
  }

  ended(transaction: string, outcome: "committed" | "aborted"): void {
    this.#write(["ended", transaction, outcome]);
  }

  /** A reader that begins at the log's start. */
  opens(reader: string, isolation: IsolationLevel, { topic, partition }: TopicPartition): void {
    this.#write(["opens", reader, isolation, topic, partition]);
  }

  reads(reader: string, { topic, partition }: TopicPartition, records: readonly ReadEntry[]): void {
    this.#write(["reads", reader, topic, partition, moment(), records]);
  }

  /** Everything below `readTo` was handed out to the reader. */
  reached(reader: string, { topic, partition }: TopicPartition, readTo: number): void {
    this.#write(["reached", reader, topic, partition, readTo]);
  }

  observes(observation: Observation): void {
    this.#write(["observes", observation]);
  }

  #write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

/** All journals of the folder as one history. */
export function readJournals(folder: string): History {
  const replay = new Replay();
  for (const name of readdirSync(folder)
    .filter((each) => each.endsWith(SUFFIX))
    .toSorted()) {
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      const entry = parse(line);
      if (entry) replay.add(entry);
    }
  }
  return replay.history;
}

/** Undefined for a line that was cut off by a SIGKILL: what it was to tell had not happened yet. */
function parse(line: string): Entry | undefined {
  if (line === "") return undefined;
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}

class Replay {
  readonly history = new History();
  readonly #transactions = new Map<string, TransactionEntry>();
  readonly #reads = new Map<string, PartitionReads>();

  add(entry: Entry): void {
    const { history } = this;
    switch (entry[0]) {
      case "sends": {
        const [, id, session, topic, partition, transaction] = entry;
        history.sends(
          id,
          session,
          { topic, partition },
          transaction === null ? undefined : this.#transaction(transaction),
        );
        return;
      }
      case "acknowledged": {
        const sent = this.#sent(entry[1]);
        sent.outcome = "acknowledged";
        sent.offset = entry[2];
        return;
      }
      case "failed":
        this.#sent(entry[1]).outcome = "failed";
        return;
      case "begins":
        this.#transactions.set(entry[1], history.begins(entry[1], entry[2]));
        return;
      case "asks": {
        const transaction = this.#transaction(entry[1]);
        transaction.commitAskedAt = entry[2];
        transaction.outcome = "unknown";
        return;
      }
      case "ended":
        this.#transaction(entry[1]).outcome = entry[2];
        return;
      case "opens": {
        const [, reader, isolation, topic, partition] = entry;
        const reads = history.reader(reader, isolation, { topic, partition }, true);
        this.#reads.set(`${reader}/${topic}/${partition}`, reads);
        return;
      }
      case "reads": {
        const [, reader, topic, partition, at, records] = entry;
        const { records: all } = this.#readsOf(reader, topic, partition);
        for (const [offset, id, checksum] of records)
          all.push({ offset, id: id ?? undefined, checksum, at } satisfies ReadRecord);
        return;
      }
      case "reached":
        this.#readsOf(entry[1], entry[2], entry[3]).readTo = entry[4];
        return;
      case "observes":
        history.observations.push(entry[1]);
    }
  }

  #sent(id: string): SentRecord {
    return defined(this.history.sent.get(id), `record ${id}`);
  }

  #transaction(id: string): TransactionEntry {
    return defined(this.#transactions.get(id), `transaction ${id}`);
  }

  #readsOf(reader: string, topic: string, partition: number): PartitionReads {
    const name = `${reader}/${topic}/${partition}`;
    return defined(this.#reads.get(name), `reader ${name}`);
  }
}

function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the journals tell of ${what}, and not how it began`);
  return value;
}
