/** Record batches, right and wrong. */
import { crc32c } from "@node-rs/crc32";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_LENGTH_PREFIX_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  RECORD_COUNT_AT,
} from "../src/protocol/records/batch.ts";
import { RecordBatchBuilder } from "../src/protocol/records/builder.ts";
import { compress, compressionCodes } from "../src/protocol/records/compression.ts";
import { goldenBatches } from "./corpus.ts";
import type { Dice } from "./dice.ts";
import { mutate } from "./mutations.ts";

/** What decompresses to so much is a bomb: hundreds of times its own size. */
const BOMB_BYTES = 32 * 1024 * 1024;
/** A record of no key and an empty value, in as few bytes as can be. */
const SMALLEST_RECORD = Buffer.from([0x0c, 0, 0, 0, 1, 0, 0]);

export function anyRecords(dice: Dice): Buffer {
  switch (dice.int(10)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return dice.bytes(dice.int(200));
    case 2:
      return resealed(dice, mutate(dice, dice.pick(goldenBatches)));
    case 3:
      // The CRC is that of the bytes as they were.
      return mutate(dice, anyBatch(dice));
    case 4:
      return Buffer.concat([anyBatch(dice), anyBatch(dice)]);
    case 5:
      return dice.chance(0.02) ? bomb(dice) : withNestedPayload(dice);
    default:
      return anyBatch(dice);
  }
}

function anyBatch(dice: Dice): Buffer {
  const builder = new RecordBatchBuilder();
  const now = 1_700_000_000_000 + dice.int(1e9);
  for (let i = 1 + dice.int(4); i > 0; i--) {
    const key = dice.chance(0.6) ? Buffer.from(`key-${dice.int(20)}`) : null;
    const value = dice.chance(0.8) ? dice.bytes(dice.int(100)) : null;
    builder.append(now + dice.int(1000), key, value, dice.chance(0.1) ? [{ key: "h", value: null }] : []);
  }
  const hasProducer = dice.chance(0.5);
  return Buffer.from(
    builder.build({
      compression: dice.int(5),
      isTransactional: hasProducer && dice.chance(0.4),
      isControl: dice.chance(0.03),
      ...(hasProducer
        ? { producerId: dice.int(2000), producerEpoch: dice.int(3), baseSequence: dice.chance(0.7) ? 0 : dice.edge() }
        : {}),
    }),
  );
}

/** A right CRC over wrong contents: the payload is not what the header promises. */
function withNestedPayload(dice: Dice): Buffer {
  const outer = dice.pick([
    dice.bytes(dice.int(100)),
    anyBatch(dice),
    compress(compressionCodes.gzip, anyBatch(dice)),
    Buffer.concat([SMALLEST_RECORD, dice.bytes(dice.int(20))]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]),
  ]);
  return sealed(outer, dice.int(8), dice.chance(0.5) ? dice.edge() : 1 + dice.int(3));
}

/** Few bytes that become very many records. */
function bomb(dice: Dice): Buffer {
  const code = 1 + dice.int(4);
  const count = Math.floor(BOMB_BYTES / SMALLEST_RECORD.length);
  const payload = Buffer.alloc(count * SMALLEST_RECORD.length, SMALLEST_RECORD);
  return sealed(compress(code, payload), code, dice.chance(0.8) ? count : dice.edge());
}

function sealed(payload: Buffer, compression: number, recordCount: number): Buffer {
  const builder = new RecordBatchBuilder();
  builder.append(1_700_000_000_000, Buffer.from("key"), null);
  const header = Buffer.from(builder.build().subarray(0, BATCH_HEADER_BYTES));
  header.writeInt16BE(compression, ATTRIBUTES_AT);
  header.writeInt32BE(recordCount, RECORD_COUNT_AT);
  header.writeInt32BE((recordCount - 1) | 0, LAST_OFFSET_DELTA_AT);
  return sealedAgain(Buffer.concat([header, payload]));
}

/** Mostly with a length and a CRC that fit, so that what lies behind them is looked at. */
function resealed(dice: Dice, batch: Buffer): Buffer {
  return batch.length < BATCH_HEADER_BYTES || dice.chance(0.2) ? batch : sealedAgain(batch);
}

function sealedAgain(batch: Buffer): Buffer {
  batch.writeInt32BE(batch.length - BATCH_LENGTH_PREFIX_BYTES, BATCH_LENGTH_AT);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0, CRC_AT);
  return batch;
}
