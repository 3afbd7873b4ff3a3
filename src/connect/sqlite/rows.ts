/** From records to rows. */
import type { ConsumerRecord, RecordHeader, Serde } from "../../client/index.ts";
import { ConnectError } from "../errors.ts";

/** True and false are 1 and 0. */
export type SqlValue = null | boolean | number | bigint | string | Uint8Array;

/** A value for each column. */
export type Row = Readonly<Record<string, SqlValue>>;

/** Takes out the row with this primary key, if there is one. */
export class RowDeletion {
  readonly key: Row;

  constructor(key: Row) {
    this.key = key;
  }
}

/** A record with its key and value read. */
export interface SinkRecord<K, V> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Ms since 1970. */
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
  readonly key: K | null;
  /** Null: a tombstone. */
  readonly value: V | null;
}

/** What a record does to the table; null: nothing. */
export type RowMapping<K, V> = (record: SinkRecord<K, V>) => Row | RowDeletion | null;

/** What reads a record and turns it into a row's change. Fails with the record's coordinates. */
export function rowMapper<K, V>(
  key: Serde<K>,
  value: Serde<V>,
  mapping: RowMapping<K, V>,
): (record: ConsumerRecord) => Row | RowDeletion | null {
  return (raw) => {
    const { topic, partition, offset, timestamp, headers } = raw;
    try {
      const change: unknown = mapping({
        topic,
        partition,
        offset,
        timestamp,
        headers,
        key: raw.key && key.deserialize(raw.key),
        value: raw.value && value.deserialize(raw.value),
      });
      if (typeof change === "object" && !(change instanceof Promise)) return change as Row | RowDeletion | null;
      throw new Error(`"row" gave ${change instanceof Promise ? "a promise" : typeof change}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConnectError("RECORD_FAILED", `${placeOf(raw)}: no row: ${reason}`, { cause: error });
    }
  };
}

export function placeOf({ topic, partition, offset }: ConsumerRecord): string {
  return `${topic}-${partition}, offset ${offset}`;
}
