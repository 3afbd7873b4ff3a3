/** What the records of the broker's own topics say. */

import { readMetadataRecord } from "../../broker/metadata/records.ts";
import { METADATA_TOPIC, OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "../../broker/metadata/topic-name.ts";
import { decodeRecord } from "../../coordinator/group/records.ts";
import { readRecord } from "../../coordinator/transaction/records.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { LogRecord } from "../../protocol/records/record.ts";
import { showBytes, showTime, showValue } from "./show.ts";

/** Makes a record of one topic's log into a line. */
export type DescribeRecord = (record: LogRecord) => string;

type Decode = (key: Uint8Array, value: Uint8Array | null) => unknown;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  [OFFSETS_TOPIC, (key, value) => decodeRecord({ key, value })],
  [TRANSACTIONS_TOPIC, (key, value) => readRecord({ key, value })],
  [METADATA_TOPIC, (key, value) => readMetadataRecord({ key: Buffer.from(key).toString(), value })],
]);

/** `folder`: the partition's, whose name tells the topic. */
export function recordDescriber(folder: string): DescribeRecord {
  const topic = /([^/]+)-\d+$/.exec(folder)?.[1] ?? "";
  const decode = decoders.get(topic);
  return (record) => {
    const place = `  offset: ${record.offset} timestamp: ${showTime(record.timestamp)}`;
    const decoded = decode && record.key ? decodedBy(decode, record.key, record.value) : undefined;
    if (decoded !== undefined) return `${place} ${showValue(decoded)}`;
    const headers = record.headers.map(({ key, value }) => `${JSON.stringify(key)}: ${showBytes(value)}`);
    const shownHeaders = headers.length > 0 ? ` headers: {${headers.join(", ")}}` : "";
    return `${place} key: ${showBytes(record.key)} value: ${showBytes(record.value)}${shownHeaders}`;
  };
}

function decodedBy(decode: Decode, key: Uint8Array, value: Uint8Array | null): unknown {
  try {
    return decode(key, value);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
