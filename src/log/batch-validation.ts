/**
 * Checks what a client sent before it may enter a log. Pure: batches are read where they lie, and their headers believed;
 * nothing is decompressed unless a setting of the topic cannot be checked otherwise, or the header contradicts itself.
 */

import type { ErrorName } from "../protocol/errors.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_LENGTH_PREFIX_BYTES,
  MAGIC_AT,
  NO_TIMESTAMP,
  RecordBatch,
} from "../protocol/records/batch.ts";
import { compressionCodes } from "../protocol/records/compression.ts";
import { MIN_RECORD_BYTES, recordsOf } from "../protocol/records/record.ts";
import type { LogConfig } from "./log-config.ts";
import { refuse } from "./refuse.ts";
import type { LogRefusal, RecordError } from "./types.ts";

export type ValidationOutcome = { readonly ok: true; readonly batches: readonly RecordBatch[] } | LogRefusal;

const MAGIC = 2;
const HIGHEST_COMPRESSION_CODE: number = compressionCodes.zstd;

/**
 * The one batch in `records`, which are the bytes of one partition of a produce request. More than one batch is refused,
 * as by Apache Kafka since record format 2. A maximum timestamp that is not the records' is put right in place where they are
 * looked at. `now` in ms since 1970.
 *
 * Errors: CORRUPT_MESSAGE (length or CRC), UNSUPPORTED_FOR_MESSAGE_FORMAT (formats 0 and 1), MESSAGE_TOO_LARGE,
 * RECORD_LIST_TOO_LARGE (larger than a segment), INVALID_RECORD, INVALID_TIMESTAMP.
 */
export function validateBatches(records: Uint8Array, config: LogConfig, now: number): ValidationOutcome {
  const buffer = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
  const refusal = checkFrame(buffer);
  if (refusal) return refusal;
  const batch = new RecordBatch(buffer);
  return (
    checkSize(batch, config) ??
    // Before all that it covers: a client sends again what was damaged on the way, and not what is refused for good.
    (batch.hasValidCrc() ? undefined : refuse("CORRUPT_MESSAGE", "the batch's CRC does not match its bytes")) ??
    checkHeader(batch) ??
    checkRecords(batch, config, now) ?? { ok: true, batches: [batch] }
  );
}

/** Format, length, and that exactly one batch is there. */
function checkFrame(buffer: Buffer): LogRefusal | undefined {
  if (buffer.length === 0) return refuse("INVALID_RECORD", "no batch at all");
  if (buffer.length > MAGIC_AT && buffer[MAGIC_AT] !== MAGIC) {
    return refuse("UNSUPPORTED_FOR_MESSAGE_FORMAT", `record format ${buffer[MAGIC_AT]}; only 2 is accepted`);
  }
  if (buffer.length < BATCH_HEADER_BYTES) return refuse("CORRUPT_MESSAGE", `a batch of ${buffer.length} bytes`);
  const sizeBytes = buffer.readInt32BE(BATCH_LENGTH_AT) + BATCH_LENGTH_PREFIX_BYTES;
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > buffer.length) {
    return refuse("CORRUPT_MESSAGE", `a batch that says ${sizeBytes} bytes in ${buffer.length}`);
  }
  if (sizeBytes < buffer.length) return refuse("INVALID_RECORD", "more than one batch for a partition");
  return undefined;
}

function checkSize(batch: RecordBatch, config: LogConfig): LogRefusal | undefined {
  const { sizeBytes } = batch;
  if (sizeBytes > config.maxMessageBytes) {
    return refuse("MESSAGE_TOO_LARGE", `a batch of ${sizeBytes} bytes; max.message.bytes is ${config.maxMessageBytes}`);
  }
  if (sizeBytes > config.segmentBytes) {
    return refuse("RECORD_LIST_TOO_LARGE", `a batch of ${sizeBytes} bytes; segment.bytes is ${config.segmentBytes}`);
  }
  return undefined;
}

function checkHeader(batch: RecordBatch): LogRefusal | undefined {
  const { baseOffset, recordCount, lastOffsetDelta, compression } = batch;
  if (baseOffset !== 0) return refuse("INVALID_RECORD", `a batch of base offset ${baseOffset}; clients send 0`);
  if (recordCount <= 0) return refuse("INVALID_RECORD", `a batch of ${recordCount} records`);
  if (lastOffsetDelta !== recordCount - 1) {
    return refuse("INVALID_RECORD", `${recordCount} records with a last offset delta of ${lastOffsetDelta}`);
  }
  if (batch.isControl) return refuse("INVALID_RECORD", "clients must not write control records");
  if (compression > HIGHEST_COMPRESSION_CODE) {
    return refuse("INVALID_RECORD", `no compression has the code ${compression}`);
  }
  const payloadBytes = batch.sizeBytes - BATCH_HEADER_BYTES;
  if (compression === compressionCodes.none && recordCount * MIN_RECORD_BYTES > payloadBytes) {
    return refuse("INVALID_RECORD", `${recordCount} records in ${payloadBytes} bytes`);
  }
  return checkProducer(batch);
}

function checkProducer(batch: RecordBatch): LogRefusal | undefined {
  if (!batch.hasProducerId) {
    return batch.isTransactional ? refuse("INVALID_RECORD", "a transactional batch without a producer id") : undefined;
  }
  if (batch.producerEpoch < 0) return refuse("INVALID_RECORD", `producer epoch ${batch.producerEpoch}`);
  if (batch.baseSequence < 0) return refuse("INVALID_RECORD", `sequence ${batch.baseSequence} with a producer id`);
  return undefined;
}

/** Checks record by record what only some topics ask for: keys where the log is compacted, bounds of timestamps. As long as the
 * header's maximum is within the upper bound it speaks for all. */
function checkRecords(batch: RecordBatch, config: LogConfig, now: number): LogRefusal | undefined {
  if (batch.hasLogAppendTime) return refuse("INVALID_TIMESTAMP", "producers must not set the log append time");
  const needsKeys = config.cleanupPolicy.includes("compact");
  const isCreateTime = config.messageTimestampType === "CreateTime";
  const oldest = isCreateTime ? now - config.messageTimestampBeforeMaxMs : Number.NEGATIVE_INFINITY;
  const newest = isCreateTime ? now + config.messageTimestampAfterMaxMs : Number.POSITIVE_INFINITY;
  const isMaximumSound = !isCreateTime || (batch.maxTimestamp <= newest && !hasStrangeMaximum(batch));
  if (!needsKeys && oldest <= 0 && isMaximumSound) return undefined;
  const faults = new RecordFaults();
  let maxTimestamp = NO_TIMESTAMP;
  let index = 0;
  try {
    for (const { key, timestamp } of recordsOf(batch)) {
      if (needsKeys && key === null) {
        faults.add(index, "INVALID_RECORD", "a compacted topic takes no record without key");
      } else if (timestamp >= 0 && timestamp < oldest) {
        faults.add(index, "INVALID_TIMESTAMP", `timestamp ${timestamp} is too far behind ${now}`);
      } else if (timestamp > newest) {
        faults.add(index, "INVALID_TIMESTAMP", `timestamp ${timestamp} is too far ahead of ${now}`);
      }
      maxTimestamp = Math.max(maxTimestamp, timestamp);
      index++;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse("INVALID_RECORD", error.message);
  }
  if (maxTimestamp !== batch.maxTimestamp && isCreateTime) batch.assignMaxTimestamp(maxTimestamp);
  return faults.refusal();
}

/** What a batch is refused for. */
class RecordFaults {
  /** A compressed batch may have millions of records: the client is told of the first ones, and knows that it must not send the
   * others. */
  static readonly MAX_TOLD = 1000;
  readonly #told: RecordError[] = [];
  #error: ErrorName = "INVALID_RECORD";
  #count = 0;

  add(batchIndex: number, error: ErrorName, batchIndexErrorMessage: string): void {
    if (error === "INVALID_TIMESTAMP") this.#error = error;
    this.#count++;
    if (this.#told.length < RecordFaults.MAX_TOLD) this.#told.push({ batchIndex, batchIndexErrorMessage });
  }

  refusal(): LogRefusal | undefined {
    const [first] = this.#told;
    if (!first) return undefined;
    const others = this.#count === 1 ? "" : `, and ${this.#count - 1} more of the batch's records`;
    const message = `record ${first.batchIndex}: ${first.batchIndexErrorMessage}${others}`;
    return { ...refuse(this.#error, message), recordErrors: this.#told };
  }
}

/** The base is a record's time, as a rule the first one's: a maximum below it would have retention.ms delete young records,
 * and nobody find them by their time. */
function hasStrangeMaximum({ baseTimestamp, maxTimestamp }: RecordBatch): boolean {
  return maxTimestamp < baseTimestamp;
}
