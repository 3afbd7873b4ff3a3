import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { TopicPartition } from "../../client/index.ts";
import type { SinkBatch } from "../sink.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS oncilla_sink_offsets (
    sink TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (sink, topic, partition)
  ) WITHOUT ROWID
`;

/** The target's next offsets, beside what they stand for. */
export class OffsetTable {
  readonly #sink: string;
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  constructor(database: DatabaseSync, sink: string) {
    database.exec(SCHEMA);
    this.#sink = sink;
    this.#select = database.prepare(
      "SELECT next_offset FROM oncilla_sink_offsets WHERE sink = ? AND topic = ? AND partition = ?",
    );
    this.#insert = database.prepare(
      "INSERT INTO oncilla_sink_offsets (next_offset, sink, topic, partition) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#update = database.prepare(
      "UPDATE oncilla_sink_offsets SET next_offset = ? WHERE sink = ? AND topic = ? AND partition = ? AND next_offset = ?",
    );
  }

  nextOffset({ topic, partition }: TopicPartition): number | undefined {
    const row = this.#select.get(this.#sink, topic, partition);
    return row ? Number(row.next_offset) : undefined;
  }

  /** Moves from the batch's first offset to its next one; false, and nothing changed, when the table is elsewhere. The first
   * batch of a partition begins where it likes. */
  compareAndSet({ topic, partition, fromOffset, nextOffset }: SinkBatch): boolean {
    const moved = this.#update.run(nextOffset, this.#sink, topic, partition, fromOffset);
    if (Number(moved.changes) === 1) return true;
    return Number(this.#insert.run(nextOffset, this.#sink, topic, partition).changes) === 1;
  }
}
