/** What stands in one file of a log, line by line; the file is never in memory as a whole, snapshots aside. */
import { basename, dirname } from "node:path";
import { ABORTED_ENTRY_BYTES, readAbortedEntry } from "../../log/aborted-index.ts";
import { BatchWindow } from "../../log/batch-window.ts";
import { entriesOf, type FileEntry } from "../../log/offline/entry-stream.ts";
import { OFFSET_ENTRY_BYTES, readOffsetEntry } from "../../log/offset-index.ts";
import { decodeProducerSnapshot } from "../../log/producer-snapshot.ts";
import { parseSegmentFileName, type SegmentFileKind } from "../../log/segment-files.ts";
import { readTimeEntry, TIME_ENTRY_BYTES } from "../../log/time-index.ts";
import type { Disk } from "../../platform/disk.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { compressionCodes } from "../../protocol/records/compression.ts";
import { readMarker } from "../../protocol/records/control.ts";
import { recordsOf } from "../../protocol/records/record.ts";
import { CliError } from "../cli-error.ts";
import { type DescribeRecord, recordDescriber } from "./describe-record.ts";
import { showTime } from "./show.ts";

export interface DumpOptions {
  /** Show the records inside batches too. */
  readonly records: boolean;
}

const WINDOW_BYTES = 1024 * 1024;
const TEXT_FILES = /^(partition\.metadata|[\w-]+-checkpoint(\.crc32c)?)$/;
const compressionNames = new Map(Object.entries(compressionCodes).map(([name, code]) => [code, name]));

/** Lines that begin with "DAMAGED" tell what does not hold. Throws a CliError for a file that is none of a log's. */
export function dumpFile(disk: Disk, path: string, options: DumpOptions): Iterable<string> {
  const name = basename(path);
  const file = parseSegmentFileName(name);
  if (file) return dumpers[file.kind](disk, path, file.offset, options);
  if (TEXT_FILES.test(name)) return dumpText(disk, path);
  throw new CliError(`${path}: neither a segment nor an index, snapshot or checkpoint of a log`);
}

type Dumper = (disk: Disk, path: string, baseOffset: number, options: DumpOptions) => Iterable<string>;

const dumpers: { readonly [K in SegmentFileKind]: Dumper } = {
  log: dumpLog,
  index: (disk, path, baseOffset) =>
    dumpEntries(disk, path, OFFSET_ENTRY_BYTES, ({ buffer, at }) => {
      const { lastOffset, position } = readOffsetEntry(buffer, at, baseOffset);
      return `offset: ${lastOffset} position: ${position}`;
    }),
  timeindex: (disk, path, baseOffset) =>
    dumpEntries(disk, path, TIME_ENTRY_BYTES, ({ buffer, at }) => {
      const { timestamp, offset } = readTimeEntry(buffer, at, baseOffset);
      return `timestamp: ${showTime(timestamp)} offset: ${offset}`;
    }),
  txnindex: (disk, path) =>
    dumpEntries(disk, path, ABORTED_ENTRY_BYTES, ({ buffer, at }) => {
      const { producerId, firstOffset, lastOffset, lastStableOffset } = readAbortedEntry(buffer, at);
      return `producerId: ${producerId} firstOffset: ${firstOffset} lastOffset: ${lastOffset} lastStableOffset: ${lastStableOffset}`;
    }),
  indexcrc: dumpText,
  snapshot: dumpSnapshot,
};

function dumpText(disk: Disk, path: string): string[] {
  return [Buffer.from(disk.readFile(path)).toString().trimEnd()];
}

function* dumpLog(disk: Disk, path: string, _baseOffset: number, options: DumpOptions): Generator<string> {
  const describe = options.records ? recordDescriber(dirname(path)) : undefined;
  const file = disk.open(path, { readOnly: true });
  try {
    const sizeBytes = file.size();
    const window = new BatchWindow(file, sizeBytes, WINDOW_BYTES);
    for (let position = 0; position < sizeBytes; ) {
      const batch = window.batchAt(position);
      if (!batch) {
        yield `DAMAGED position: ${position} ${window.problemAt(position)}; ${sizeBytes - position} bytes are left`;
        return;
      }
      yield describeBatch(batch, position);
      if (describe && !batch.isControl) yield* describeRecords(batch, describe);
      position += batch.sizeBytes;
    }
  } finally {
    file.close();
  }
}

function describeBatch(batch: RecordBatch, position: number): string {
  const { baseOffset, lastOffset, recordCount, sizeBytes, leaderEpoch, compression } = batch;
  const parts = [
    `position: ${position} offsets: ${baseOffset}-${lastOffset} records: ${recordCount} bytes: ${sizeBytes}`,
    `leaderEpoch: ${leaderEpoch} timestamps: ${showTime(batch.baseTimestamp)} to ${showTime(batch.maxTimestamp)}`,
    `compression: ${compressionNames.get(compression) ?? compression}`,
  ];
  if (batch.hasLogAppendTime) parts.push("time of the append");
  if (batch.hasProducerId) parts.push(`producerId: ${batch.producerId} producerEpoch: ${batch.producerEpoch}`);
  if (batch.baseSequence >= 0) parts.push(`sequences: ${batch.baseSequence}-${batch.lastSequence}`);
  if (batch.isTransactional) parts.push("transactional");
  if (!batch.hasValidCrc()) return `DAMAGED ${parts.join(" ")}: the CRC does not match`;
  if (batch.isControl) parts.push(describeMarker(batch));
  return parts.join(" ");
}

function describeMarker(batch: RecordBatch): string {
  // Compaction may have emptied it.
  const marker = readMarker(batch);
  return marker ? `marker: ${marker.type} coordinatorEpoch: ${marker.coordinatorEpoch}` : "control";
}

function* describeRecords(batch: RecordBatch, describe: DescribeRecord): Generator<string> {
  try {
    for (const record of recordsOf(batch)) yield describe(record);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    yield `DAMAGED its records cannot be read: ${error.message}`;
  }
}

function* dumpEntries(
  disk: Disk,
  path: string,
  entryBytes: number,
  describe: (entry: FileEntry) => string,
): Generator<string> {
  for (const entry of entriesOf(disk, path, entryBytes)) yield describe(entry);
}

function* dumpSnapshot(disk: Disk, path: string, offset: number): Generator<string> {
  try {
    const entries = decodeProducerSnapshot(disk.readFile(path), 0);
    yield `everything below offset ${offset} is durable; producers: ${entries.length}`;
    for (const { producerId, producerEpoch, coordinatorEpoch, lastTimestamp, txnFirstOffset, batches } of entries) {
      const known = batches.map(
        ({ lastSequence, lastOffset, offsetDelta }) =>
          `${lastSequence - offsetDelta}-${lastSequence} at ${lastOffset - offsetDelta}-${lastOffset}`,
      );
      yield `producerId: ${producerId} producerEpoch: ${producerEpoch} coordinatorEpoch: ${coordinatorEpoch} lastTimestamp: ${showTime(lastTimestamp)} openTransactionFrom: ${txnFirstOffset} sequences: [${known.join(", ")}]`;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    yield `DAMAGED ${error.message}`;
  }
}
