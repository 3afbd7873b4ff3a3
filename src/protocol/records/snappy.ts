/**
 * Snappy, in the framing of snappy-java ("xerial") that Kafka's Java client writes, or raw as librdkafka does. Pure.
 *
 * The library that compresses and decompresses never gives back the memory of a call that fails. So damaged and hostile
 * input is found out before: nothing reaches it that does not decompress to the length which was allowed.
 * Source: snappy's format description, and snappy-java's SnappyOutputStream.
 */
import { snappyCompress as compressChunk, snappyDecompress as decompressChunk } from "@platformatic/wasm-utils";
import { ProtocolError } from "../protocol-error.ts";

/** Magic, version 1, compatible with version 1. Chunks follow, each behind its size (int32). */
const XERIAL_HEADER: Buffer = Buffer.from("82534e41505059000000000100000001", "hex");
const XERIAL_MAGIC: Buffer = XERIAL_HEADER.subarray(0, 8);
/** Uncompressed bytes of a chunk, as snappy-java has it. */
const CHUNK_BYTES = 32 * 1024;

export function snappyCompress(payload: Buffer): Buffer {
  const pieces = [XERIAL_HEADER];
  for (let at = 0; at < payload.length; at += CHUNK_BYTES) {
    const chunk = compressChunk(payload.subarray(at, at + CHUNK_BYTES));
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(chunk.length);
    pieces.push(size, chunk);
  }
  return Buffer.concat(pieces);
}

/** Throws ProtocolError when the bytes are damaged or hold more than `maxBytes`. */
export function snappyDecompress(bytes: Buffer, maxBytes: number): Buffer {
  const chunks = bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC) ? readXerial(bytes) : [bytes];
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += measureChunk(chunk);
  if (sizeBytes > maxBytes) throw new ProtocolError(`snappy data of ${sizeBytes} bytes, more than ${maxBytes}`);
  const pieces = chunks.map((chunk) => decompressChunk(chunk));
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, sizeBytes);
}

function readXerial(bytes: Buffer): Buffer[] {
  if (bytes.length < XERIAL_HEADER.length) throw cutOff();
  const chunks: Buffer[] = [];
  for (let at = XERIAL_HEADER.length; at < bytes.length; ) {
    if (bytes.length - at < 4) throw cutOff();
    const size = bytes.readInt32BE(at);
    at += 4;
    if (size < 0 || size > bytes.length - at) throw cutOff();
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** What a chunk decompresses to, in bytes. Refuses one that does not do so. */
function measureChunk(chunk: Buffer): number {
  let at = 0;
  let declared = 0;
  for (let shift = 0; ; shift += 7) {
    if (at === chunk.length || shift > 28) throw cutOff();
    const byte = chunk[at++] as number;
    declared += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (measureElements(chunk, at) !== declared) throw new ProtocolError("snappy data is not as long as it says");
  return declared;
}

/** An element is a tag, whose lowest two bits say what follows: literals, or a distance back to copy from. */
function measureElements(chunk: Buffer, from: number): number {
  let at = from;
  let sizeBytes = 0;
  while (at < chunk.length) {
    const tag = chunk[at++] as number;
    let distance: number;
    let length: number;
    switch (tag & 3) {
      case 0: {
        // Up to 60 bytes the tag has the length itself, beyond that the length of the length.
        const lengthBytes = Math.max(0, (tag >> 2) - 59);
        if (lengthBytes > chunk.length - at) throw cutOff();
        length = 1 + (lengthBytes === 0 ? tag >> 2 : chunk.readUIntLE(at, lengthBytes));
        at += lengthBytes + length;
        if (at > chunk.length) throw cutOff();
        sizeBytes += length;
        continue;
      }
      case 1:
        if (at >= chunk.length) throw cutOff();
        length = 4 + ((tag >> 2) & 7);
        distance = ((tag & 0xe0) << 3) | (chunk[at] as number);
        at += 1;
        break;
      case 2:
        if (at + 2 > chunk.length) throw cutOff();
        length = 1 + (tag >> 2);
        distance = (chunk[at] as number) | ((chunk[at + 1] as number) << 8);
        at += 2;
        break;
      default:
        if (at + 4 > chunk.length) throw cutOff();
        length = 1 + (tag >> 2);
        distance = chunk.readUInt32LE(at);
        at += 4;
    }
    if (distance === 0 || distance > sizeBytes) throw new ProtocolError("snappy data refers to what is not there");
    sizeBytes += length;
  }
  return sizeBytes;
}

function cutOff(): ProtocolError {
  return new ProtocolError("snappy data is cut off");
}
