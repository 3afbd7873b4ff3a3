import type { RecordBatch } from "../protocol/records/batch.ts";

/** The batches' bytes in as few pieces as they lie in. */
export function chunksOf(batches: readonly RecordBatch[]): {
  readonly chunks: Uint8Array[];
  readonly sizeBytes: number;
} {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let i = 0; i < batches.length; ) {
    const { buffer, start } = batches[i] as RecordBatch;
    let end = start;
    for (let next = batches[i]; next && next.buffer === buffer && next.start === end; next = batches[++i]) {
      end += next.sizeBytes;
    }
    chunks.push(buffer.subarray(start, end));
    sizeBytes += end - start;
  }
  return { chunks, sizeBytes };
}
