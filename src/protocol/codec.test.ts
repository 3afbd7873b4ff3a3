import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeGroups } from "./apis/describe-groups.ts";
import { apis } from "./apis/index.ts";
import { streamsGroupHeartbeat } from "./apis/streams-group-heartbeat.ts";
import { arbitraryStruct } from "./arbitrary.testing.ts";
import {
  decodeVersioned,
  encodeVersioned,
  readRequest,
  readResponse,
  versionOf,
  writeRequest,
  writeResponse,
} from "./codec.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "./internal/consumer-protocol.ts";
import { groupMetadataKey, groupMetadataValue, offsetCommitKey, offsetCommitValue } from "./internal/offset-records.ts";
import { transactionLogKey, transactionLogValue } from "./internal/transaction-records.ts";
import { ProtocolError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import type { Api, Decoded, VersionedData } from "./schema.ts";
import { concat, Writer } from "./writer.ts";

type Struct = Record<string, unknown>;

/** One message in both directions: what the properties below need of it. */
interface Message {
  readonly name: string;
  readonly versions: readonly [number, number];
  readonly values: (version: number) => fc.Arbitrary<Struct>;
  readonly encode: (version: number, value: Struct) => Uint8Array;
  readonly decode: (version: number, bytes: Uint8Array) => Struct;
}

function messagesOf(api: Api): Message[] {
  const both = [
    { name: "request", read: readRequest<Api>, write: writeRequest<Api>, fields: api.request },
    { name: "response", read: readResponse<Api>, write: writeResponse<Api>, fields: api.response },
  ];
  return both.map(({ name, read, write, fields }) => ({
    name: `${api.name} ${name}`,
    versions: api.versions,
    values: (version) => arbitraryStruct(fields, version),
    encode: (version, value) => {
      const writer = new Writer(16);
      write(api, version, writer, value as never);
      return concat(writer.finish());
    },
    decode: (version, bytes) => {
      const reader = new Reader(bytes);
      const value = read(api, version, reader);
      if (reader.remaining > 0) throw new ProtocolError(`${reader.remaining} bytes too many`);
      return value;
    },
  }));
}

function messageOf(data: VersionedData): Message {
  return {
    name: data.name,
    versions: data.versions,
    values: (version) => arbitraryStruct(data.fields, version),
    encode: (version, value) => encodeVersioned(data, version, value as never),
    decode: (_version, bytes) => decodeVersioned(data, bytes),
  };
}

const messages: readonly Message[] = [
  ...apis.flatMap(messagesOf),
  ...[
    consumerProtocolSubscription,
    consumerProtocolAssignment,
    offsetCommitKey,
    offsetCommitValue,
    groupMetadataKey,
    groupMetadataValue,
    transactionLogKey,
    transactionLogValue,
  ].map(messageOf),
];

function versionedValues(message: Message): fc.Arbitrary<{ version: number; value: Struct }> {
  const [min, max] = message.versions;
  return fc.integer({ min, max }).chain((version) => message.values(version).map((value) => ({ version, value })));
}

/** Views of bytes as text, so that they compare by content. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

describe.each(messages)("$name", (message) => {
  it("reads what it wrote, in every version", () => {
    fc.assert(
      fc.property(versionedValues(message), ({ version, value }) => {
        const bytes = message.encode(version, value);
        const decoded = message.decode(version, bytes);
        expect(plain(decoded)).toMatchObject(plain(value) as Struct);
        expect(Buffer.compare(message.encode(version, decoded), bytes)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("takes foreign bytes or refuses them, and nothing else", () => {
    fc.assert(
      fc.property(versionedValues(message), damages, ({ version, value }, damage) => {
        const bytes = damage(Buffer.from(message.encode(version, value)));
        try {
          message.decode(version, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Ways to spoil a message. */
const damages: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc.nat().map((at) => (bytes: Buffer) => bytes.subarray(0, at % (bytes.length + 1))),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }).map((changes) => (bytes: Buffer) => {
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  }),
  // Lengths and counts are what one lies about.
  fc.tuple(fc.nat(), fc.constantFrom(0x7fffffff, -1, -2, 0x10000)).map(([at, size]) => (bytes: Buffer) => {
    if (bytes.length >= 4) bytes.writeInt32BE(size, at % (bytes.length - 3));
    return bytes;
  }),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => () => Buffer.from(bytes)),
);

const data = {
  name: "Data",
  versions: [0, 2],
  flexible: 1,
  fields: {
    id: "int32",
    note: { type: "string", tag: 2, tagged: "1+", default: "none" },
    place: { struct: { x: { type: "int32", default: -1 }, tags: { array: "string" } }, tag: 0, tagged: "1+" },
    blob: { type: "bytes", tag: 5, tagged: "2+" },
    list: { array: { n: "int8" }, versions: "2+", nullable: "2+" },
    owner: { struct: { name: "string" }, versions: "2+", nullable: "2+", default: null },
  },
} as const;

type Data = Decoded<(typeof data)["fields"]>;

function hex(version: number, value: Parameters<typeof encodeVersioned<typeof data>>[2]): string {
  return Buffer.from(encodeVersioned(data, version, value)).toString("hex");
}

function fromHex(text: string): Data {
  return decodeVersioned(data, Buffer.from(text, "hex"));
}

describe("absent and tagged fields", () => {
  it("an old version has neither, and reads as the defaults", () => {
    expect(hex(0, { id: 1, note: "lost", list: [{ n: 1 }] })).toBe("000000000001");
    expect(plain(fromHex("000000000001"))).toEqual({
      id: 1,
      note: "none",
      place: { x: -1, tags: [] },
      blob: { hex: "" },
      list: [],
      owner: null,
    });
  });

  it("what is decoded belongs to the caller: no two messages share a value", () => {
    const [a, b] = [fromHex("000000000001"), fromHex("000000000001")];
    a.list?.push({ n: 1 });
    a.place.tags.push("mine");
    expect(b.list).toEqual([]);
    expect(b.place.tags).toEqual([]);
  });

  it("tagged fields are written in the order of their tags, with their sizes", () => {
    expect(hex(1, { id: 1, note: "ab", place: { x: 2, tags: [] } })).toBe(
      ["0001", "00000001", "02", "00", "06", "00000002", "01", "00", "02", "03", "036162"].join(""),
    );
  });

  it("a tagged field at its default is left out", () => {
    const none = "00010000000100";
    expect(hex(1, { id: 1 })).toBe(none);
    expect(hex(1, { id: 1, note: "none", place: { x: -1, tags: [] } })).toBe(none);
    expect(hex(1, { id: 1, note: "none", place: { tags: [] } })).toBe(none);
    expect(hex(2, { id: 1, blob: new Uint8Array(0), list: null })).toBe(hex(2, { id: 1, list: null }));
  });

  it("an unknown tagged field is moved over", () => {
    const read = fromHex(["0001", "00000001", "03", "01", "02", "ffff", "02", "02", "0261", "09", "00"].join(""));
    expect(read).toMatchObject({ id: 1, note: "a" });
  });

  it("a tagged field that is longer or shorter than it says is refused", () => {
    for (const size of ["01", "03"]) {
      const bytes = ["0001", "00000001", "01", "02", size, "0261", "00"].join("");
      expect(() => fromHex(bytes)).toThrow(ProtocolError);
    }
  });
});

describe("null", () => {
  it("arrays and structs tell null from empty", () => {
    expect(fromHex(hex(2, { id: 1, list: null, owner: null }))).toMatchObject({ list: null, owner: null });
    expect(fromHex(hex(2, { id: 1, list: [], owner: { name: "" } }))).toMatchObject({ list: [], owner: { name: "" } });
  });

  it("is refused where the schema has none, in both directions", () => {
    const strict = { ...data, fields: { text: "string", bytes: "bytes", list: { array: "int8" } } } as const;
    const good = { text: "", bytes: new Uint8Array(0), list: [] };
    for (const version of [0, 1]) {
      for (const name of ["text", "bytes", "list"]) {
        expect(() => encodeVersioned(strict, version, { ...good, [name]: null })).toThrow(TypeError);
      }
    }
    expect(() => decodeVersioned(strict, Buffer.from("0000ffff", "hex"))).toThrow(ProtocolError);
    expect(() => decodeVersioned(strict, Buffer.from("00000000ffffffff", "hex"))).toThrow(ProtocolError);
    expect(() => decodeVersioned(strict, Buffer.from("000000000000000000ffffffff", "hex"))).toThrow(ProtocolError);
    expect(() => decodeVersioned(strict, Buffer.from("000100", "hex"))).toThrow(ProtocolError);
  });
});

describe("versions of data", () => {
  it("a newer one than known is read as the newest known", () => {
    const newer = Buffer.from(hex(2, { id: 7, list: [] }), "hex");
    newer.writeInt16BE(9);
    expect(fromHex(newer.toString("hex")).id).toBe(7);
    expect(versionOf(newer)).toBe(9);
  });

  it("an older one is refused, and bytes without any", () => {
    expect(() =>
      decodeVersioned(groupMetadataKey, encodeVersioned(offsetCommitKey, 1, { group: "g", topic: "t", partition: 0 })),
    ).toThrow(ProtocolError);
    expect(() => fromHex("00")).toThrow(ProtocolError);
    expect(() => fromHex("ffff00000001")).toThrow(ProtocolError);
  });
});

it("an array that claims to be long is refused before anything is made of it", () => {
  for (const length of ["7fffffff", "00000010"]) {
    const list = { ...data, flexible: null, fields: { list: { array: { n: "int8" } } } } as const;
    expect(() => decodeVersioned(list, Buffer.from(`0000${length}0102`, "hex"))).toThrow(/an array of/);
  }
});

describe("lists", () => {
  function read(groups: string[]): unknown {
    const writer = new Writer();
    writeRequest(describeGroups, 5, writer, { groups, includeAuthorizedOperations: false });
    return readRequest(describeGroups, 5, new Reader(concat(writer.finish())));
  }

  it("of a million are read; one with more is no request, whose bytes may be objects of a hundred each", () => {
    expect(read(Array(1_000_000).fill(""))).toHaveProperty("groups.length", 1_000_000);
    expect(() => read(Array(1_000_001).fill(""))).toThrow(ProtocolError);
  });

  it("are counted together", () => {
    const names = (count: number) => Array(count).fill("t");
    const subtopologies = [400_000, 600_000].map((count, i) => ({
      subtopologyId: String(i),
      sourceTopics: names(count),
      sourceTopicRegex: [],
      stateChangelogTopics: [],
      repartitionSinkTopics: [],
      repartitionSourceTopics: [],
      copartitionGroups: [],
    }));
    const writer = new Writer();
    const beat = {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      endpointInformationEpoch: 0,
      shutdownApplication: false,
    };
    writeRequest(streamsGroupHeartbeat, 0, writer, { ...beat, topology: { epoch: 0, subtopologies } });
    const bytes = concat(writer.finish());
    expect(() => readRequest(streamsGroupHeartbeat, 0, new Reader(bytes))).toThrow("2 array elements too many");
  });
});

describe("strings", () => {
  const text = { ...data, fields: { text: "string", note: { type: "string", tag: 0, tagged: "1+" } } } as const;
  const longest = "x".repeat(32_767);

  it("are as long in the compact encoding as in the old one, and no longer: each must fit into the other", () => {
    for (const version of [0, 1]) {
      expect(decodeVersioned(text, encodeVersioned(text, version, { text: longest })).text).toBe(longest);
    }
    const tooLong = `${longest}x`;
    for (const version of [0, 1]) {
      expect(() => encodeVersioned(text, version, { text: tooLong })).toThrow(/a string of 32768 bytes/);
    }
    expect(() => encodeVersioned(text, 1, { text: "", note: tooLong })).toThrow(RangeError);
    // Bytes look the same.
    const fields = { text: "bytes", note: { type: "bytes", tag: 0, tagged: "1+" } } as const;
    const longer = encodeVersioned({ ...data, fields }, 1, { text: Buffer.from(tooLong) });
    expect(() => decodeVersioned(text, longer)).toThrow(/a string of 32768 bytes/);
    const tagged = encodeVersioned({ ...data, fields }, 1, { text: Buffer.alloc(0), note: Buffer.from(tooLong) });
    expect(() => decodeVersioned(text, tagged)).toThrow(ProtocolError);
  });

  it("that are no UTF-8 are refused where what they read as would not fit", () => {
    const encoded = (length: number): Buffer => {
      const bytes = Buffer.from(encodeVersioned(text, 0, { text: "x".repeat(length) }));
      bytes.fill(0xff, 4);
      return bytes;
    };
    expect(decodeVersioned(text, encoded(10_922)).text).toBe("\ufffd".repeat(10_922));
    expect(() => decodeVersioned(text, encoded(10_923))).toThrow(/a string of 32769 bytes/);
  });
});
