/** What may happen to bytes. */
import type { Dice } from "./dice.ts";

const LARGE_VARINT = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
const ENDLESS_VARINT = Buffer.alloc(12, 0xff);

type Mutation = (dice: Dice, bytes: Buffer) => Buffer;

const mutations: readonly Mutation[] = [flipBit, setByte, setInt16, setInt32, truncate, extend, cutOut, double, varint];

/** A changed copy. */
export function mutate(dice: Dice, bytes: Buffer): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let i = 1 + dice.int(3); i > 0 && changed.length > 8; i--) changed = dice.pick(mutations)(dice, changed);
  return changed;
}

function flipBit(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.int(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.int(8));
  return bytes;
}

function setByte(dice: Dice, bytes: Buffer): Buffer {
  bytes[dice.int(bytes.length)] = dice.pick([0, 1, 2, 0x7f, 0x80, 0xfe, 0xff]);
  return bytes;
}

function setInt16(dice: Dice, bytes: Buffer): Buffer {
  bytes.writeInt16BE((dice.edge() << 16) >> 16, dice.int(bytes.length - 1));
  return bytes;
}

function setInt32(dice: Dice, bytes: Buffer): Buffer {
  bytes.writeInt32BE(dice.edge(), dice.int(bytes.length - 3));
  return bytes;
}

function truncate(dice: Dice, bytes: Buffer): Buffer {
  return bytes.subarray(0, 1 + dice.int(bytes.length - 1));
}

function extend(dice: Dice, bytes: Buffer): Buffer {
  return Buffer.concat([bytes, dice.bytes(1 + dice.int(50))]);
}

function cutOut(dice: Dice, bytes: Buffer): Buffer {
  const from = dice.int(bytes.length);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + dice.int(16))]);
}

function double(dice: Dice, bytes: Buffer): Buffer {
  const from = dice.int(bytes.length);
  const part = bytes.subarray(from, from + 1 + dice.int(64));
  return Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from)]);
}

function varint(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.int(bytes.length);
  return Buffer.concat([
    bytes.subarray(0, at),
    dice.chance(0.5) ? LARGE_VARINT : ENDLESS_VARINT,
    bytes.subarray(at + 1),
  ]);
}
