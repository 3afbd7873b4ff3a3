/**
 * Turns the fields of a schema into a reader and writer of one version. Pure: bytes in, plain data out.
 */
import { primitiveCodec, primitiveDefaults, type ValueCodec } from "./primitive-codec.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Reader } from "./reader.ts";
import { type Field, type FieldOptions, type Fields, inRange, type Primitive, placeOf } from "./schema.ts";
import { Writer } from "./writer.ts";

export type Struct = Record<string, unknown>;

/** One struct in one version. */
export interface StructCodec {
  /** Every field is set, in the schema's order within each place, so that all values share one hidden class. */
  read(reader: Reader): Struct;
  write(writer: Writer, value: Struct): void;
}

interface FieldDefault {
  readonly name: string;
  /** A fresh value each time: what is decoded belongs to the caller. */
  makeDefault(): unknown;
}

interface FieldCodec extends FieldDefault, ValueCodec {}

interface TaggedCodec extends FieldCodec {
  readonly tag: number;
  isDefault(value: unknown): boolean;
}

const structCodecs = new WeakMap<Fields, StructCodec[]>();

/** The codec of `fields` in `version`, compiled on first use. */
export function structCodec(fields: Fields, version: number, flexible: boolean): StructCodec {
  let compiled = structCodecs.get(fields);
  if (!compiled) {
    compiled = [];
    structCodecs.set(fields, compiled);
  }
  const index = version * 2 + (flexible ? 1 : 0);
  compiled[index] ??= compileStruct(fields, version, flexible);
  return compiled[index];
}

function compileStruct(fields: Fields, version: number, flexible: boolean): StructCodec {
  const untagged: FieldCodec[] = [];
  const tagged: TaggedCodec[] = [];
  const absent: FieldDefault[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const place = placeOf(field, version);
    const makeDefault = defaultOf(field);
    if (place === "absent") {
      absent.push({ name, makeDefault });
      continue;
    }
    const codec = { name, makeDefault, ...valueCodec(field, version, flexible) };
    if (place === "untagged") untagged.push(codec);
    else tagged.push({ ...codec, tag: optionsOf(field).tag ?? 0, isDefault: isDefaultOf(field) });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  const unset = [...tagged, ...absent];
  return {
    read(reader) {
      const value: Struct = {};
      for (const field of untagged) value[field.name] = field.read(reader);
      for (const field of unset) value[field.name] = field.makeDefault();
      if (flexible) readTagged(reader, tagged, value);
      return value;
    },
    write(writer, value) {
      for (const field of untagged) {
        const given = value[field.name];
        field.write(writer, given === undefined ? field.makeDefault() : given);
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

/** A tagged field at its default is not written: whoever misses it reads the default. */
function writeTagged(writer: Writer, tagged: readonly TaggedCodec[], value: Struct): void {
  let count = 0;
  for (const field of tagged) if (isWritten(field, value)) count++;
  writer.unsignedVarint(count);
  if (count === 0) return;
  for (const field of tagged) {
    if (!isWritten(field, value)) continue;
    const nested = new Writer(64);
    field.write(nested, value[field.name]);
    writer.unsignedVarint(field.tag);
    writer.unsignedVarint(nested.length);
    for (const piece of nested.finish()) writer.bytes(piece);
  }
}

function isWritten(field: TaggedCodec, value: Struct): boolean {
  const given = value[field.name];
  return given !== undefined && !field.isDefault(given);
}

function optionsOf(field: Field): FieldOptions {
  return typeof field === "string" ? {} : field;
}

function defaultOf(field: Field): () => unknown {
  if (typeof field === "string") return () => primitiveDefaults[field];
  const constant = field.default;
  if (constant !== undefined) return () => constant;
  if ("array" in field) return () => [];
  if ("type" in field) return () => primitiveDefaults[field.type];
  const inner = Object.entries(field.struct).map(([name, nested]) => ({ name, makeDefault: defaultOf(nested) }));
  return () => {
    const value: Struct = {};
    for (const { name, makeDefault } of inner) value[name] = makeDefault();
    return value;
  };
}

function isDefaultOf(field: Field): (value: unknown) => boolean {
  if (typeof field === "object" && field.default === undefined) {
    if ("array" in field) return (value) => Array.isArray(value) && value.length === 0;
    if ("struct" in field) {
      const inner = Object.entries(field.struct).map(([name, nested]) => ({ name, isDefault: isDefaultOf(nested) }));
      return (value) =>
        value !== null &&
        inner.every(({ name, isDefault }) => {
          const given = (value as Struct)[name];
          return given === undefined || isDefault(given);
        });
    }
  }
  const expected = defaultOf(field)();
  if (expected instanceof Uint8Array) return (value) => value instanceof Uint8Array && value.length === 0;
  return (value) => value === expected;
}

function valueCodec(field: Field, version: number, flexible: boolean): ValueCodec {
  if (typeof field === "string") return primitiveCodec(field, false, flexible);
  const nullable = field.nullable !== undefined && inRange(field.nullable, version);
  if ("array" in field) return arrayCodec(field.array, version, flexible, nullable);
  if ("type" in field) return primitiveCodec(field.type, nullable, flexible);
  const inner = structCodec(field.struct, version, flexible);
  return nullable ? nullableStructCodec(inner) : (inner as ValueCodec);
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
      // Every element takes a byte at least. The array grows with what is read, never to a length that is only said.
      if (length > reader.remaining) throw new ProtocolError(`an array of ${length} in ${reader.remaining} bytes`);
      reader.countElements(length);
      const values: unknown[] = [];
      for (let i = 0; i < length; i++) values.push(inner.read(reader));
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
