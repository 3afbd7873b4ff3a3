/**
 * The file that holds what a log knew about its producers at one offset. Pure: entries to bytes and back.
 *
 * Apache Kafka's format (version 1: CRC-32C, then one entry a producer with its last batch), so that its tools read it.
 * A client may retry any of its last five batches after a restart; the four before the last stand in a section of our
 * own behind Kafka's, which its reader passes over and its CRC covers. Without that section (a snapshot that Apache
 * Kafka wrote) only the last batch is known.
 */
import { crc32c } from "@node-rs/crc32";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import { NO_SEQUENCE } from "../protocol/records/batch.ts";
import { concat, Writer } from "../protocol/writer.ts";
import type { ProducedBatch, ProducerEntry, ProducerState } from "./producer-state.ts";

const VERSION = 1;
const CRC_AT = 2;
const ENTRIES_AT = 6;
const EARLIER_BATCHES_VERSION = 1;
const NO_BATCH: ProducedBatch = { lastSequence: NO_SEQUENCE, lastOffset: -1, offsetDelta: 0, timestamp: -1 };

/** A producer snapshot that may be written once everything below `offset` is durable. */
export interface PendingSnapshot {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Of the producers of a log that ends at `offset`. */
export function takeSnapshot(producers: ProducerState, offset: number): PendingSnapshot {
  return { offset, bytes: encodeProducerSnapshot([...producers.entries()]) };
}

export function encodeProducerSnapshot(entries: readonly ProducerEntry[]): Uint8Array {
  const writer = new Writer(64 + entries.length * 64);
  writer.int16(VERSION);
  writer.uint32(0);
  writer.int32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  writer.int16(EARLIER_BATCHES_VERSION);
  for (const entry of entries) writeEarlierBatches(writer, entry.batches.slice(0, -1));
  const bytes = Buffer.from(concat(writer.finish()));
  bytes.writeUInt32BE(crc32c(bytes.subarray(ENTRIES_AT)) >>> 0, CRC_AT);
  return bytes;
}

/** Throws ProtocolError on a damaged snapshot. `now` counts as the time when each producer was last seen. */
export function decodeProducerSnapshot(bytes: Uint8Array, now: number): ProducerEntry[] {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version !== VERSION) throw new ProtocolError(`a producer snapshot of version ${version}`);
  const crc = reader.uint32();
  if (crc32c(bytes.subarray(ENTRIES_AT)) >>> 0 !== crc) throw new ProtocolError("the CRC does not match");
  const entries: ProducerEntry[] = [];
  const count = reader.int32();
  for (let i = 0; i < count; i++) entries.push(readEntry(reader, now));
  if (reader.remaining === 0) return entries;
  const section = reader.int16();
  if (section !== EARLIER_BATCHES_VERSION) throw new ProtocolError(`a section of version ${section}`);
  for (const entry of entries) entry.batches.unshift(...readEarlierBatches(reader));
  return entries;
}

function writeEntry(writer: Writer, entry: ProducerEntry): void {
  const last = entry.batches.at(-1) ?? NO_BATCH;
  writer.int64(entry.producerId);
  writer.int16(entry.producerEpoch);
  writer.int32(last.lastSequence);
  writer.int64(last.lastOffset);
  writer.int32(last.offsetDelta);
  writer.int64(entry.lastTimestamp);
  writer.int32(entry.coordinatorEpoch);
  writer.int64(entry.txnFirstOffset);
}

function readEntry(reader: Reader, lastSeenMs: number): ProducerEntry {
  const producerId = reader.int64();
  const producerEpoch = reader.int16();
  const lastSequence = reader.int32();
  const lastOffset = reader.int64();
  const offsetDelta = reader.int32();
  const timestamp = reader.int64();
  const coordinatorEpoch = reader.int32();
  const txnFirstOffset = reader.int64();
  const batches = lastOffset < 0 ? [] : [{ lastSequence, lastOffset, offsetDelta, timestamp }];
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    lastTimestamp: timestamp,
    txnFirstOffset,
    batches,
    lastSeenMs,
  };
}

function writeEarlierBatches(writer: Writer, batches: readonly ProducedBatch[]): void {
  writer.int8(batches.length);
  for (const batch of batches) {
    writer.int32(batch.lastSequence);
    writer.int64(batch.lastOffset);
    writer.int32(batch.offsetDelta);
    writer.int64(batch.timestamp);
  }
}

function readEarlierBatches(reader: Reader): ProducedBatch[] {
  const batches: ProducedBatch[] = [];
  const count = reader.int8();
  for (let i = 0; i < count; i++) {
    const lastSequence = reader.int32();
    const lastOffset = reader.int64();
    const offsetDelta = reader.int32();
    const timestamp = reader.int64();
    batches.push({ lastSequence, lastOffset, offsetDelta, timestamp });
  }
  return batches;
}
