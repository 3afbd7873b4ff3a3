/**
 * Reading LZ4 frames. Pure. Ours rather than a library's, for the sake of damaged and hostile input: a first pass adds
 * the lengths up and finds everything that is cut off, so that nothing is allocated which the bytes do not account for;
 * a second one copies. The frame's own checksums are not looked at, since the batch's CRC covers all of it.
 * Source: the LZ4 frame and block format descriptions.
 */
import { ProtocolError } from "../protocol-error.ts";

const FRAME_MAGIC = 0x184d2204;
const FLAG_VERSION_MASK = 0xc0;
const FLAG_VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_DICTIONARY = 0x01;
/** In a block's size: its bytes are stored as they are. */
const BLOCK_IS_STORED = 0x80000000;
const MIN_MATCH = 4;
/** A length of four bits that goes on in the next bytes, up to the first that is not 255. */
const LENGTH_GOES_ON = 15;
/** Longer pieces are copied by one native call instead of byte by byte. */
const COPY_BY_CALL_FROM = 48;

interface Block {
  readonly from: number;
  readonly to: number;
  readonly isStored: boolean;
}

/** The contents of a frame. Throws ProtocolError when it is damaged or holds more than `maxBytes`. */
export function lz4Decompress(frame: Buffer, maxBytes: number): Buffer {
  const blocks = readBlocks(frame);
  let sizeBytes = 0;
  for (const { from, to, isStored } of blocks) sizeBytes += isStored ? to - from : measureBlock(frame, from, to);
  if (sizeBytes > maxBytes) throw new ProtocolError(`an lz4 frame holds ${sizeBytes} bytes, more than ${maxBytes}`);
  const output = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (const { from, to, isStored } of blocks) {
    if (isStored) at += frame.copy(output, at, from, to);
    else at = decompressBlock(frame, from, to, output, at);
  }
  return output;
}

function readBlocks(frame: Buffer): Block[] {
  if (readUInt32(frame, 0) !== FRAME_MAGIC) throw new ProtocolError("no lz4 frame");
  const flags = frame[4] ?? 0;
  if ((flags & FLAG_VERSION_MASK) !== FLAG_VERSION_1) throw new ProtocolError("an lz4 frame of an unknown version");
  if (flags & FLAG_DICTIONARY) throw new ProtocolError("an lz4 frame with a dictionary");
  const blocks: Block[] = [];
  // Magic, flags, block size, content size when there is one, checksum of these.
  let at = flags & FLAG_CONTENT_SIZE ? 15 : 7;
  for (;;) {
    const field = readUInt32(frame, at);
    const from = at + 4;
    if (field === 0) {
      const end = from + (flags & FLAG_CONTENT_CHECKSUM ? 4 : 0);
      if (end !== frame.length) throw new ProtocolError("an lz4 frame does not end where its batch ends");
      return blocks;
    }
    const isStored = field >= BLOCK_IS_STORED;
    const to = from + (isStored ? field - BLOCK_IS_STORED : field);
    if (to > frame.length) throw cutOff();
    blocks.push({ from, to, isStored });
    at = to + (flags & FLAG_BLOCK_CHECKSUM ? 4 : 0);
  }
}

function readUInt32(frame: Buffer, at: number): number {
  if (at + 4 > frame.length) throw cutOff();
  return frame.readUInt32LE(at);
}

/** What a block decompresses to, in bytes. Refuses one whose sequences do not end with it. */
function measureBlock(block: Buffer, from: number, to: number): number {
  let at = from;
  let sizeBytes = 0;
  for (;;) {
    if (at >= to) throw cutOff();
    const token = block[at++] as number;
    let literals = token >> 4;
    if (literals === LENGTH_GOES_ON) {
      let more = 255;
      for (; more === 255; literals += more) {
        if (at >= to) throw cutOff();
        more = block[at++] as number;
      }
    }
    at += literals;
    sizeBytes += literals;
    if (at === to) return sizeBytes;
    at += 2;
    let length = token & 0x0f;
    if (length === LENGTH_GOES_ON) {
      let more = 255;
      for (; more === 255; length += more) {
        if (at >= to) throw cutOff();
        more = block[at++] as number;
      }
    }
    sizeBytes += length + MIN_MATCH;
  }
}

/** Decompresses a block that was measured; returns where its output ends. It may refer to the blocks before it. */
function decompressBlock(block: Buffer, from: number, to: number, output: Buffer, start: number): number {
  let at = from;
  let end = start;
  for (;;) {
    const token = block[at++] as number;
    let literals = token >> 4;
    if (literals === LENGTH_GOES_ON) {
      let more = 255;
      for (; more === 255; literals += more) more = block[at++] as number;
    }
    copyLiterals(block, at, output, end, literals);
    at += literals;
    end += literals;
    if (at === to) return end;
    const distance = (block[at] as number) | ((block[at + 1] as number) << 8);
    at += 2;
    let length = token & 0x0f;
    if (length === LENGTH_GOES_ON) {
      let more = 255;
      for (; more === 255; length += more) more = block[at++] as number;
    }
    length += MIN_MATCH;
    copyMatch(output, end, distance, length);
    end += length;
  }
}

function copyLiterals(block: Buffer, from: number, output: Buffer, at: number, length: number): void {
  if (length >= COPY_BY_CALL_FROM) {
    block.copy(output, at, from, from + length);
    return;
  }
  for (let i = 0; i < length; i++) output[at + i] = block[from + i] as number;
}

/** Copies to `at` what lies `distance` bytes before it. The two may overlap: then the bytes repeat. */
function copyMatch(output: Buffer, at: number, distance: number, length: number): void {
  const from = at - distance;
  if (distance === 0 || from < 0) throw new ProtocolError("an lz4 block refers to what is not there");
  if (length >= COPY_BY_CALL_FROM && distance >= length) {
    output.copyWithin(at, from, from + length);
    return;
  }
  for (let i = 0; i < length; i++) output[at + i] = output[from + i] as number;
}

function cutOff(): ProtocolError {
  return new ProtocolError("an lz4 frame is cut off");
}
