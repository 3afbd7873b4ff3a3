import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SinkBatch, SinkPartition } from "../sink.ts";

const SCHEMA = `
  CREATE TABLE oncilla_sink_offsets (
    sink TEXT NOT NULL,
    topic TEXT NOT NULL,
    topic_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (sink, topic, topic_id, partition)
  ) WITHOUT ROWID
`;

/** Tables used to know topics by name only. A position without an id goes to the topic that has the name when the next batch comes. */
const UPGRADE = `
  ALTER TABLE oncilla_sink_offsets RENAME TO oncilla_sink_offsets_by_name;
  ${SCHEMA};
  INSERT INTO oncilla_sink_offsets (sink, topic, topic_id, partition, next_offset)
    SELECT sink, topic, '', partition, next_offset FROM oncilla_sink_offsets_by_name;
  DROP TABLE oncilla_sink_offsets_by_name
`;

const IS_PARTITION = "sink = ? AND topic = ? AND topic_id IN (?, '') AND partition = ?";

/** The target's next offsets, beside what they stand for. A topic that was made anew has positions of its own: those of the one
 * before stay, so that whoever still brings its records finds them. */
export class OffsetTable {
  readonly #sink: string;
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  constructor(database: DatabaseSync, sink: string) {
    prepareTable(database);
    this.#sink = sink;
    this.#select = database.prepare(`SELECT next_offset FROM oncilla_sink_offsets WHERE ${IS_PARTITION}`);
    this.#insert = database.prepare(
      "INSERT INTO oncilla_sink_offsets (sink, topic, topic_id, partition, next_offset) VALUES (?, ?, ?, ?, ?)",
    );
    this.#update = database.prepare(
      `UPDATE oncilla_sink_offsets SET topic_id = ?, next_offset = ? WHERE ${IS_PARTITION} AND next_offset = ?`,
    );
  }

  nextOffset({ topic, topicId, partition }: SinkPartition): number | undefined {
    const row = this.#select.get(this.#sink, topic, topicId, partition);
    return row ? Number(row.next_offset) : undefined;
  }

  /** Moves from the batch's first offset to its next one; false, and nothing changed, when the table is elsewhere. The first
   * batch of a partition begins where it likes. To be called in a transaction. */
  compareAndSet(batch: SinkBatch): boolean {
    const { topic, topicId, partition, fromOffset, nextOffset } = batch;
    const moved = this.#update.run(topicId, nextOffset, this.#sink, topic, topicId, partition, fromOffset);
    if (Number(moved.changes) === 1) return true;
    if (this.nextOffset(batch) !== undefined) return false;
    this.#insert.run(this.#sink, topic, topicId, partition, nextOffset);
    return true;
  }
}

function prepareTable(database: DatabaseSync): void {
  if (columns(database).includes("topic_id")) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another worker may have been faster.
    const found = columns(database);
    if (found.length === 0) database.exec(SCHEMA);
    else if (!found.includes("topic_id")) database.exec(UPGRADE);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function columns(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT name FROM pragma_table_info('oncilla_sink_offsets')").all();
  return rows.map(({ name }) => String(name));
}
