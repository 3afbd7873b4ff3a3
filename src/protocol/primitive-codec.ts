/** How the wire's primitive types are read and written, in the old encoding and in the compact one (KIP-482). Pure. */
import { ProtocolError } from "./protocol-error.ts";
import type { Reader } from "./reader.ts";
import type { Primitive } from "./schema.ts";
import { readString, sizeOfString } from "./strings.ts";
import type { Writer } from "./writer.ts";

/** The UUID that stands for none. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

const EMPTY_BYTES = new Uint8Array(0);

/** What a field reads as that is absent and has no default of its own. */
export const primitiveDefaults: { readonly [P in Primitive]: unknown } = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  float64: 0,
  string: "",
  uuid: ZERO_UUID,
  bytes: EMPTY_BYTES,
  records: EMPTY_BYTES,
};

/** Reads and writes one value of one type in one version. */
export interface ValueCodec {
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

export function primitiveCodec(type: Primitive, nullable: boolean, flexible: boolean): ValueCodec {
  if (type === "string") return stringCodec(nullable, flexible);
  if (type === "bytes" || type === "records") return bytesCodec(nullable, flexible);
  return fixedCodecs[type];
}

const fixedCodecs: { readonly [P in Exclude<Primitive, "string" | "bytes" | "records">]: ValueCodec } = {
  bool: { read: (reader) => reader.bool(), write: (writer, value) => writer.bool(value as boolean) },
  int8: { read: (reader) => reader.int8(), write: (writer, value) => writer.int8(value as number) },
  int16: { read: (reader) => reader.int16(), write: (writer, value) => writer.int16(value as number) },
  uint16: { read: (reader) => reader.uint16(), write: (writer, value) => writer.uint16(value as number) },
  int32: { read: (reader) => reader.int32(), write: (writer, value) => writer.int32(value as number) },
  uint32: { read: (reader) => reader.uint32(), write: (writer, value) => writer.uint32(value as number) },
  int64: { read: (reader) => reader.int64(), write: (writer, value) => writer.int64(value as number) },
  float64: { read: (reader) => reader.float64(), write: (writer, value) => writer.float64(value as number) },
  uuid: { read: (reader) => reader.uuid(), write: (writer, value) => writer.uuid(value as string) },
};

function stringCodec(nullable: boolean, flexible: boolean): ValueCodec {
  return {
    read(reader) {
      const length = flexible ? reader.unsignedVarint() - 1 : reader.int16();
      if (length >= 0) return readString(reader, length);
      if (nullable) return null;
      throw new ProtocolError("null where a string is required");
    },
    write(writer, value) {
      const text = value as string | null;
      if (text === null) {
        if (!nullable) throw new TypeError("null where a string is required");
        if (flexible) writer.unsignedVarint(0);
        else writer.int16(-1);
        return;
      }
      const length = sizeOfString(text);
      if (flexible) writer.unsignedVarint(length + 1);
      else writer.int16(length);
      writer.utf8(text, length);
    },
  };
}

function bytesCodec(nullable: boolean, flexible: boolean): ValueCodec {
  return {
    read(reader) {
      const length = flexible ? reader.unsignedVarint() - 1 : reader.int32();
      if (length >= 0) return reader.view(length);
      if (nullable) return null;
      throw new ProtocolError("null where bytes are required");
    },
    write(writer, value) {
      const bytes = value as Uint8Array | null;
      if (bytes === null) {
        if (!nullable) throw new TypeError("null where bytes are required");
        if (flexible) writer.unsignedVarint(0);
        else writer.int32(-1);
        return;
      }
      if (flexible) writer.unsignedVarint(bytes.length + 1);
      else writer.int32(bytes.length);
      writer.bytes(bytes);
    },
  };
}
