import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { snappyCompress as snappyCompressRaw } from "@platformatic/wasm-utils";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../protocol-error.ts";
import { type CompressionName, compress, compressionCodes, decompress } from "./compression.ts";

const codecs = Object.entries(compressionCodes) as [CompressionName, number][];
const compressors = codecs.filter(([name]) => name !== "none");
const ample = 1 << 24;

/** Noise that does not compress, runs that do, and copies of what came before from near and far. */
const payloads: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => (_before: Buffer) => Buffer.from(bytes)),
      fc.tuple(fc.nat(255), fc.nat(3000)).map(
        ([byte, length]) =>
          () =>
            Buffer.alloc(length, byte),
      ),
      fc.tuple(fc.nat(), fc.nat(90_000)).map(
        ([at, length]) =>
          (before: Buffer) =>
            before.subarray(at % (before.length + 1)).subarray(0, length),
      ),
    ),
    { maxLength: 20 },
  )
  .map((makers) => makers.reduce((before, make) => Buffer.concat([before, make(before)]), Buffer.alloc(0)));

describe.each(codecs)("%s", (_name, code) => {
  it("gives back what went in", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(Buffer.compare(decompress(code, Buffer.from(compress(code, payload)), ample), payload)).toBe(0);
      }),
    );
  });
});

describe.each(compressors)("%s", (name, code) => {
  const payload = Buffer.alloc(100_000, "something that repeats itself, ");
  const compressed = Buffer.from(compress(code, payload));

  it("is refused when it holds more than is allowed, to the byte", () => {
    expect(() => decompress(code, compressed, payload.length - 1)).toThrow(ProtocolError);
    expect(decompress(code, compressed, payload.length)).toHaveLength(payload.length);
  });

  it("is refused when it is cut off, anywhere", () => {
    for (let length = 0; length < compressed.length; length += length < 200 ? 1 : 97) {
      // Between two chunks of snappy nothing shows that there were more; the batch's count of records does.
      if (name === "snappy" && length === 16) continue;
      expect(() => decompress(code, compressed.subarray(0, length), ample), `${length} bytes`).toThrow(ProtocolError);
    }
  });

  it("takes foreign bytes or refuses them, and nothing else", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(payloads, damage, (original, changes) => {
        const bytes = Buffer.from(compress(code, original));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        refusedOr(() => decompress(code, bytes, ample));
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => refusedOr(() => decompress(code, Buffer.from(bytes), ample))));
  });
});

function refusedOr(decompressed: () => Uint8Array): void {
  try {
    expect(decompressed().length).toBeLessThanOrEqual(ample);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
}

it("an unknown codec is refused", () => {
  expect(() => decompress(5, Buffer.alloc(1), ample)).toThrow(ProtocolError);
  expect(() => compress(5, Buffer.alloc(1))).toThrow(RangeError);
});

describe("bombs are refused before they go off", () => {
  it.each([
    ["gzip", Buffer.from(gzipSync(Buffer.alloc(64 << 20)))],
    ["zstd", Buffer.from(zstdCompressSync(Buffer.alloc(64 << 20)))],
    // A chunk says that it holds 4 GiB, and has nothing.
    ["snappy", Buffer.from("ffffffff0f", "hex")],
    // One sequence of a literal and a match that goes on for 255 bytes with each byte.
    [
      "lz4",
      lz4Frame(0x60, [
        Buffer.concat([Buffer.from("1f410100", "hex"), Buffer.alloc(1 << 20, 0xff), Buffer.from("0000", "hex")]),
      ]),
    ],
  ] as const)("%s", (name, bomb) => {
    expect(() => decompress(compressionCodes[name], bomb, 1 << 20)).toThrow(ProtocolError);
  });
});

describe("gzip", () => {
  it("reads several members as one", () => {
    const members = Buffer.concat([gzipSync("one "), gzipSync("two")]);
    expect(decompress(compressionCodes.gzip, members, ample).toString()).toBe("one two");
  });
});

describe("zstd", () => {
  it("reads a frame that does not tell the size of its content, as streams write it", () => {
    const payload = Buffer.alloc(300_000, "streamed ");
    const frame = zstdCompressSync(payload, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    expect(decompress(compressionCodes.zstd, frame, ample)).toEqual(payload);
    expect(() => decompress(compressionCodes.zstd, frame, payload.length - 1)).toThrow(ProtocolError);
  });
});

describe("snappy", () => {
  const code = compressionCodes.snappy;

  it("is written in the framing of snappy-java, in chunks of 32 KiB", () => {
    const compressed = Buffer.from(compress(code, Buffer.alloc(70_000, "x")));
    expect(compressed.subarray(0, 16).toString("hex")).toBe("82534e41505059000000000100000001");
    const chunks: number[] = [];
    for (let at = 16; at < compressed.length; at += 4 + compressed.readInt32BE(at)) chunks.push(at);
    expect(chunks).toHaveLength(3);
  });

  it("is read without any framing", () => {
    for (const payload of [Buffer.alloc(0), Buffer.from("short"), Buffer.alloc(200_000, "raw ")]) {
      expect(decompress(code, snappyCompressRaw(payload), ample)).toEqual(payload);
    }
  });

  it.each([
    ["a copy with a distance of one byte", "05 0061 01 01", "aaaaa"],
    ["a copy with a distance of two bytes", "04 0461 62 06 0200", "abab"],
    ["a copy with a distance of four bytes", "04 0461 62 07 02000000", "abab"],
    ["a literal with its length behind the tag", "03 f002 616263", "abc"],
  ])("%s", (_what, hex, text) => {
    expect(decompress(code, bytes(hex), ample).toString()).toBe(text);
  });

  it.each([
    ["a copy from before the start", "05 0061 01 02"],
    ["a copy from nowhere", "05 0061 01 00"],
    ["a literal beyond the end", "0a 2461"],
    ["a length that is not the real one", "06 0061 01 01"],
    ["a length of too many bytes", "808080808001 00"],
    ["a negative chunk", "82534e41505059000000000100000001 ffffffff"],
    ["a chunk beyond the end", "82534e41505059000000000100000001 00000005 05"],
    ["half a header", "82534e4150505900 0000"],
  ])("%s is refused", (_what, hex) => {
    expect(() => decompress(code, bytes(hex), ample)).toThrow(ProtocolError);
  });
});

describe("lz4", () => {
  const code = compressionCodes.lz4;
  const literals = (text: string): Buffer => Buffer.concat([Buffer.from([text.length << 4]), Buffer.from(text)]);

  it("is written with independent blocks, without checksums, as Java takes it", () => {
    expect(Buffer.from(compress(code, Buffer.from("hi"))).toString("hex", 0, 7)).toBe("04224d18604082");
  });

  it("reads blocks that refer to the ones before", () => {
    // One literal, then nine bytes from four back: into the block before.
    const second = bytes("15 65 0400 50 78787878 78");
    expect(decompress(code, lz4Frame(0x40, [literals("abcd"), second]), ample).toString()).toBe("abcdebcdebcdebxxxxx");
  });

  it("reads stored blocks, content size and checksums", () => {
    const plain = decompress(code, lz4Frame(0x60, [literals("ab"), literals("cd")]), ample);
    expect(plain.toString()).toBe("abcd");
    const rich = decompress(code, lz4Frame(0x7c, [literals("ab"), { stored: Buffer.from("cd") }]), ample);
    expect(rich.toString()).toBe("abcd");
  });

  it.each([
    ["no frame", Buffer.from("ffffffff0000000000000000", "hex")],
    ["an unknown version", lz4Frame(0xa0, [literals("a")])],
    ["a dictionary", lz4Frame(0x61, [literals("a")])],
    ["a match from before the start", lz4Frame(0x60, [bytes("10 61 0200 10 62")])],
    ["a match from nowhere", lz4Frame(0x60, [bytes("10 61 0000 10 62")])],
    ["a block without last literals", lz4Frame(0x60, [bytes("10 61 0100")])],
    ["an empty block", lz4Frame(0x60, [Buffer.alloc(0), literals("a")])],
    ["bytes behind the frame", Buffer.concat([lz4Frame(0x60, [literals("a")]), Buffer.alloc(1)])],
  ])("%s is refused", (_what, frame) => {
    expect(() => decompress(code, frame, ample)).toThrow(ProtocolError);
  });
});

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** A frame of blocks; what its flags announce is there, with checksums that nobody looks at. */
function lz4Frame(flags: number, blocks: readonly (Buffer | { readonly stored: Buffer })[]): Buffer {
  const size = (length: number): Buffer => {
    const field = Buffer.alloc(4);
    field.writeUInt32LE(length);
    return field;
  };
  const checksum = (flag: number): Buffer => Buffer.alloc(flags & flag ? 4 : 0, 0xcc);
  return Buffer.concat([
    bytes("04224d18"),
    Buffer.from([flags, 0x40]),
    Buffer.alloc(flags & 0x08 ? 8 : 0),
    Buffer.alloc(1),
    ...blocks.flatMap((block) =>
      "stored" in block
        ? [size(0x80000000 + block.stored.length), block.stored, checksum(0x10)]
        : [size(block.length), block, checksum(0x10)],
    ),
    size(0),
    checksum(0x04),
  ]);
}
