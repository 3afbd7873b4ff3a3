/**
 * Turns schemas into readers and writers of one version, and keeps them. Pure: bytes in, plain data out.
 */
import { ProtocolError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import {
  type Api,
  type Decoded,
  type Encodable,
  type Field,
  type FieldOptions,
  type Fields,
  inRange,
  isFlexible,
  type Primitive,
  placeOf,
  type VersionedData,
} from "./schema.ts";
import { concat, Writer } from "./writer.ts";

/** The UUID that stands for none. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

interface ValueCodec {
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

interface FieldCodec extends ValueCodec {
  readonly name: string;
  readonly defaultValue: () => unknown;
}

interface TaggedCodec extends FieldCodec {
  readonly tag: number;
}

/** One struct in one version. */
interface StructCodec {
  read(reader: Reader): Record<string, unknown>;
  write(writer: Writer, value: Record<string, unknown>): void;
}

type Struct = Record<string, unknown>;

const structCodecs = new WeakMap<Fields, Map<string, StructCodec>>();

function structCodec(fields: Fields, version: number, flexible: boolean): StructCodec {
  let versions = structCodecs.get(fields);
  if (!versions) {
    versions = new Map();
    structCodecs.set(fields, versions);
  }
  const key = `${version}${flexible ? "f" : ""}`;
  let codec = versions.get(key);
  if (!codec) {
    codec = compileStruct(fields, version, flexible);
    versions.set(key, codec);
  }
  return codec;
}

function compileStruct(fields: Fields, version: number, flexible: boolean): StructCodec {
  const untagged: FieldCodec[] = [];
  const tagged: TaggedCodec[] = [];
  // In the schema's order, so that all decoded values of one version share one hidden class.
  const absent: { name: string; defaultValue: () => unknown }[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const options: FieldOptions = typeof field === "string" ? {} : field;
    const place = placeOf(field, version);
    const defaultValue = defaultOf(field);
    if (place === "absent") {
      absent.push({ name, defaultValue });
      continue;
    }
    const codec = { name, defaultValue, ...valueCodec(field, options, version, flexible) };
    if (place === "tagged") tagged.push({ ...codec, tag: options.tag ?? 0 });
    else untagged.push(codec);
  }
  tagged.sort((a, b) => a.tag - b.tag);
  return {
    read(reader) {
      const value: Struct = {};
      for (const field of untagged) value[field.name] = field.read(reader);
      for (const field of tagged) value[field.name] = field.defaultValue();
      for (const field of absent) value[field.name] = field.defaultValue();
      if (flexible) readTagged(reader, tagged, value);
      return value;
    },
    write(writer, value) {
      for (const field of untagged) {
        const given = value[field.name];
        field.write(writer, given === undefined ? field.defaultValue() : given);
      }
      if (flexible) writeTagged(writer, tagged, value);
    },
  };
}

function readTagged(reader: Reader, tagged: readonly TaggedCodec[], value: Struct): void {
  const count = reader.unsignedVarint();
  for (let i = 0; i < count; i++) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    const field = tagged.find((candidate) => candidate.tag === tag);
    if (!field) {
      reader.skip(size);
      continue;
    }
    const end = reader.position + size;
    value[field.name] = field.read(reader);
    if (reader.position !== end) throw new ProtocolError(`tagged field ${field.name} is not ${size} bytes long`);
  }
}

function writeTagged(writer: Writer, tagged: readonly TaggedCodec[], value: Struct): void {
  const present = tagged.filter((field) => {
    const given = value[field.name];
    return given !== undefined && !isDefault(given, field.defaultValue());
  });
  writer.unsignedVarint(present.length);
  for (const field of present) {
    const nested = new Writer(64);
    field.write(nested, value[field.name]);
    writer.unsignedVarint(field.tag);
    writer.unsignedVarint(nested.length);
    for (const piece of nested.finish()) writer.bytes(piece);
  }
}

function isDefault(value: unknown, defaultValue: unknown): boolean {
  if (Array.isArray(value)) return Array.isArray(defaultValue) && value.length === 0;
  if (value !== null && typeof value === "object" && defaultValue !== null && typeof defaultValue === "object") {
    return Object.entries(defaultValue).every(([name, expected]) => {
      const given = (value as Struct)[name];
      return given === undefined || isDefault(given, expected);
    });
  }
  return value === defaultValue;
}

const EMPTY_BYTES = new Uint8Array(0);

const primitiveDefaults: { readonly [P in Primitive]: unknown } = {
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

function defaultOf(field: Field): () => unknown {
  if (typeof field === "string") return () => primitiveDefaults[field];
  if (field.default !== undefined) return () => field.default;
  if ("array" in field) return () => [];
  if ("struct" in field) {
    const inner = Object.entries(field.struct).map(([name, nested]) => [name, defaultOf(nested)] as const);
    return () => Object.fromEntries(inner.map(([name, make]) => [name, make()]));
  }
  return () => primitiveDefaults[field.type];
}

function valueCodec(field: Field, options: FieldOptions, version: number, flexible: boolean): ValueCodec {
  const nullable = options.nullable !== undefined && inRange(options.nullable, version);
  if (typeof field === "string") return primitiveCodec(field, false, flexible);
  if ("array" in field) return arrayCodec(field.array, version, flexible, nullable);
  if ("struct" in field) {
    const inner = structCodec(field.struct, version, flexible);
    return nullable ? nullableStructCodec(inner) : (inner as ValueCodec);
  }
  return primitiveCodec(field.type, nullable, flexible);
}

function nullableStructCodec(inner: StructCodec): ValueCodec {
  return {
    read: (reader) => (reader.int8() < 0 ? null : inner.read(reader)),
    write(writer, value) {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) inner.write(writer, value as Struct);
    },
  };
}

function arrayCodec(element: Primitive | Fields, version: number, flexible: boolean, nullable: boolean): ValueCodec {
  const inner: ValueCodec =
    typeof element === "string"
      ? primitiveCodec(element, false, flexible)
      : (structCodec(element, version, flexible) as ValueCodec);
  return {
    read(reader) {
      const length = flexible ? reader.unsignedVarint() - 1 : reader.int32();
      if (length < 0) {
        if (nullable) return null;
        throw new ProtocolError("null where an array is required");
      }
      // Every element takes a byte at least: a length beyond that is nonsense and must not allocate.
      if (length > reader.remaining) throw new ProtocolError(`an array of ${length} in ${reader.remaining} bytes`);
      const values = new Array<unknown>(length);
      for (let i = 0; i < length; i++) values[i] = inner.read(reader);
      return values;
    },
    write(writer, value) {
      const values = value as readonly unknown[] | null;
      if (values === null && !nullable) throw new TypeError("null where an array is required");
      if (flexible) writer.unsignedVarint(values === null ? 0 : values.length + 1);
      else writer.int32(values === null ? -1 : values.length);
      if (values !== null) for (const each of values) inner.write(writer, each);
    },
  };
}

function primitiveCodec(type: Primitive, nullable: boolean, flexible: boolean): ValueCodec {
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
      if (length >= 0) return reader.utf8(length);
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
      const length = Buffer.byteLength(text, "utf8");
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

/** Reads the body of a request, behind its header. */
export function readRequest<A extends Api>(api: A, version: number, reader: Reader): Decoded<A["request"]> {
  return structCodec(api.request, version, isFlexible(api, version)).read(reader) as Decoded<A["request"]>;
}

export function writeRequest<A extends Api>(
  api: A,
  version: number,
  writer: Writer,
  body: Encodable<A["request"]>,
): void {
  structCodec(api.request, version, isFlexible(api, version)).write(writer, body as Struct);
}

/** Reads the body of a response, behind its header. */
export function readResponse<A extends Api>(api: A, version: number, reader: Reader): Decoded<A["response"]> {
  return structCodec(api.response, version, isFlexible(api, version)).read(reader) as Decoded<A["response"]>;
}

export function writeResponse<A extends Api>(
  api: A,
  version: number,
  writer: Writer,
  body: Encodable<A["response"]>,
): void {
  structCodec(api.response, version, isFlexible(api, version)).write(writer, body as Struct);
}

/** Data that begins with its version (int16): the records of the internal topics, and what groups' members exchange. */
export function encodeVersioned<D extends VersionedData>(
  data: D,
  version: number,
  value: Encodable<D["fields"]>,
): Uint8Array {
  const writer = new Writer(128);
  writer.int16(version);
  structCodec(data.fields, version, isFlexible(data, version)).write(writer, value as Struct);
  return concat(writer.finish());
}

/** The version that `bytes` begin with. In the keys of internal topics it tells the kind of record. */
export function versionOf(bytes: Uint8Array): number {
  return new Reader(bytes).int16();
}

/** Reads what `encodeVersioned` wrote. A version above the highest known one is read as that one: fields are only ever
 * added at the end. */
export function decodeVersioned<D extends VersionedData>(data: D, bytes: Uint8Array): Decoded<D["fields"]> {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < data.versions[0]) throw new ProtocolError(`${data.name} has no version ${version}`);
  const known = Math.min(version, data.versions[1]);
  return structCodec(data.fields, known, isFlexible(data, known)).read(reader) as Decoded<D["fields"]>;
}
