/** The coordinator's records in `__consumer_offsets`, in Kafka's formats. Pure. */
import { decodeVersioned, encodeVersioned, versionOf } from "../../protocol/codec.ts";
import {
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
} from "../../protocol/internal/offset-records.ts";
import type { Decoded, Encodable } from "../../protocol/schema.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import { type ConsumerGroupRecord, decodeConsumerGroupRecord } from "./consumer-group/records.ts";
import { decodeStreamsGroupRecord, type StreamsGroupRecord } from "./streams-group/records.ts";

export type OffsetValue = Decoded<typeof offsetCommitValue.fields>;
export type GroupMetadata = Decoded<typeof groupMetadataValue.fields>;

/** The versions that Apache Kafka 4 writes. */
const OFFSET_KEY_VERSION = 1;
const OFFSET_VALUE_VERSION = 4;
/** The only version that has an expiry of its own; it has no leader epoch. */
const EXPIRING_OFFSET_VALUE_VERSION = 1;
const GROUP_KEY_VERSION = 2;
const GROUP_VALUE_VERSION = 3;

export interface OffsetKey {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

export function offsetRecord(
  key: OffsetKey,
  value: Encodable<typeof offsetCommitValue.fields>,
  transaction?: CoordinatorRecord["transaction"],
): CoordinatorRecord {
  const hasExpiry = value.expireTimestamp !== undefined && value.expireTimestamp >= 0;
  const version = hasExpiry ? EXPIRING_OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION;
  const record = { key: encodeOffsetKey(key), value: encodeVersioned(offsetCommitValue, version, value) };
  return transaction ? { ...record, transaction } : record;
}

export function offsetTombstone(key: OffsetKey): CoordinatorRecord {
  return { key: encodeOffsetKey(key), value: null };
}

export function groupRecord(groupId: string, value: Encodable<typeof groupMetadataValue.fields>): CoordinatorRecord {
  return { key: encodeGroupKey(groupId), value: encodeVersioned(groupMetadataValue, GROUP_VALUE_VERSION, value) };
}

export function groupTombstone(groupId: string): CoordinatorRecord {
  return { key: encodeGroupKey(groupId), value: null };
}

function encodeOffsetKey({ groupId, topic, partition }: OffsetKey): Uint8Array {
  return encodeVersioned(offsetCommitKey, OFFSET_KEY_VERSION, { group: groupId, topic, partition });
}

function encodeGroupKey(groupId: string): Uint8Array {
  return encodeVersioned(groupMetadataKey, GROUP_KEY_VERSION, { group: groupId });
}

/** A record as it is read back. A null value is a tombstone. */
export type DecodedRecord =
  | { readonly kind: "offset"; readonly key: OffsetKey; readonly value: OffsetValue | null }
  | { readonly kind: "group"; readonly groupId: string; readonly value: GroupMetadata | null }
  | { readonly kind: "consumer"; readonly record: ConsumerGroupRecord }
  | { readonly kind: "streams"; readonly record: StreamsGroupRecord };

/** Undefined for a kind of record that this version does not know: it belongs to a kind of group that this version does
 * not serve, and stays in the log for one that does. */
export function decodeRecord(record: CoordinatorRecord): DecodedRecord | undefined {
  const { key, value } = record;
  const kind = versionOf(key);
  if (kind <= offsetCommitKey.versions[1]) {
    const { group, topic, partition } = decodeVersioned(offsetCommitKey, key);
    return {
      kind: "offset",
      key: { groupId: group, topic, partition },
      value: value && decodeVersioned(offsetCommitValue, value),
    };
  }
  if (kind === GROUP_KEY_VERSION) {
    const { group } = decodeVersioned(groupMetadataKey, key);
    return { kind: "group", groupId: group, value: value && decodeVersioned(groupMetadataValue, value) };
  }
  const ofConsumerGroup = decodeConsumerGroupRecord(kind, record);
  if (ofConsumerGroup) return { kind: "consumer", record: ofConsumerGroup };
  const ofStreamsGroup = decodeStreamsGroupRecord(kind, record);
  return ofStreamsGroup && { kind: "streams", record: ofStreamsGroup };
}
