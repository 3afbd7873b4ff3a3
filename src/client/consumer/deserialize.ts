import { RecordDeserializationError } from "../errors.ts";
import type { RecordSerdes, Serde } from "../serde.ts";
import type { ConsumerRecord } from "../types.ts";

/** Gives the record with its key and value read. The types are those of the consumer's serdes; what is between here and there does
 * not look at them. Throws a RecordDeserializationError. */
export type Deserialize = (record: ConsumerRecord) => ConsumerRecord;

export function deserializer<K, V>({ key, value }: RecordSerdes<K, V>): Deserialize {
  return (record) => {
    const read: ConsumerRecord<unknown, unknown> = {
      ...record,
      key: key ? part(key, record, "key") : record.key,
      value: value ? part(value, record, "value") : record.value,
    };
    return read as ConsumerRecord;
  };
}

function part<T>(serde: Serde<T>, record: ConsumerRecord, name: "key" | "value"): T | null {
  const bytes = record[name];
  if (bytes === null) return null;
  try {
    return serde.deserialize(bytes);
  } catch (cause) {
    throw new RecordDeserializationError(record.topic, record.partition, record.offset, name, cause);
  }
}
