import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { decompress } from "../../protocol/records/compression.ts";
import type { Segment } from "../segment.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import type { CompactableLog, CompactionOptions } from "./compactable-log.ts";
import type { OffsetMap } from "./offset-map.ts";
import { RecordSpans } from "./record-spans.ts";
import { SegmentScan } from "./segment-scan.ts";

/** Notes the latest offset of each key in `segments` from `fromOffset` on, but for aborted records. Resolves with the offset
 * below which all are in the map: the first that did not fit, or the segments' end. */
export async function mapKeys(
  log: CompactableLog,
  segments: readonly Segment[],
  fromOffset: number,
  map: OffsetMap,
  { pace }: CompactionOptions,
  signal: AbortSignal,
): Promise<number> {
  const transactions = new CleanedTransactions();
  const giveWay = (): Promise<void> => pace.spend(0, signal);
  let mappedOffset = fromOffset;
  for (const segment of segments) {
    transactions.expect(log.segments.abortedIn(segment.baseOffset, segment.nextOffset));
    const scan = new SegmentScan(log, segment);
    try {
      while (!scan.isDone) {
        let bytes = 0;
        for (const batch of scan.next()) {
          bytes += batch.sizeBytes;
          if (batch.isControl) transactions.isDone(batch);
          else if (!transactions.isAborted(batch)) {
            let refused = mapBatch(batch, fromOffset, map);
            while (refused !== undefined && map.canGrow) {
              await map.grow(giveWay);
              refused = mapBatch(batch, fromOffset, map);
            }
            if (refused !== undefined) return refused;
          }
        }
        await pace.spend(bytes, signal);
      }
    } finally {
      scan.close();
    }
    mappedOffset = segment.nextOffset;
  }
  return mappedOffset;
}

/** The offset of the first record that did not fit. */
function mapBatch(batch: RecordBatch, fromOffset: number, map: OffsetMap): number | undefined {
  if (batch.lastOffset < fromOffset || batch.recordCount === 0) return undefined;
  const { baseOffset } = batch;
  try {
    const spans = new RecordSpans(decompress(batch.compression, batch.payload()), batch.recordCount);
    while (spans.next()) {
      const offset = baseOffset + spans.offsetDelta;
      if (offset < fromOffset || !spans.hasKey) continue;
      if (!map.put(spans.bytes, spans.keyStart, spans.keyEnd, offset)) return offset;
    }
  } catch (error) {
    // It stays as it is; see BatchCleaner.
    if (!(error instanceof ProtocolError)) throw error;
  }
  return undefined;
}
