// Random values for schemas.

import fc from "fast-check";
import { type Field, type Fields, inRange, type Primitive, placeOf } from "./schema.ts";

type Struct = Record<string, unknown>;

/** Doubles beyond 2^53 as well, which is what large int64s read as. */
const int64 = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger().map((value) => value + 0),
  fc.double({ min: -(2 ** 63), max: 2 ** 63, noNaN: true }).map((value) => Math.trunc(value) + 0),
  fc.constantFrom(-(2 ** 63), 2 ** 63, -1, 2 ** 53, -(2 ** 53) - 2),
);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  // Around the size from which the writer passes bytes on instead of copying them.
  fc.integer({ min: 2040, max: 2060 }).map((length) => new Uint8Array(length).fill(length)),
);

const primitives: { readonly [P in Primitive]: fc.Arbitrary<unknown> } = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -(2 ** 7), max: 2 ** 7 - 1 }),
  int16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  uint16: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64,
  float64: fc.double({ noNaN: true }),
  string: fc.string({ unit: "binary", maxLength: 12 }),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id).toString("base64url")),
  bytes,
  records: bytes,
};

/** Values that hold every field which `version` has, and no other. */
export function arbitraryStruct(fields: Fields, version: number): fc.Arbitrary<Struct> {
  const present = Object.entries(fields).filter(([, field]) => placeOf(field, version) !== "absent");
  return fc.record(Object.fromEntries(present.map(([name, field]) => [name, arbitraryField(field, version)])));
}

function arbitraryField(field: Field, version: number): fc.Arbitrary<unknown> {
  if (typeof field === "string") return primitives[field];
  const value = arbitraryValue(field, version);
  const nullable = field.nullable !== undefined && inRange(field.nullable, version);
  // The default is what the tagged section treats apart.
  const usual =
    field.default === undefined ? value : fc.oneof({ weight: 3, arbitrary: value }, fc.constant(field.default));
  const possible = usual.filter((each) => nullable || each !== null);
  return nullable ? fc.option(possible, { nil: null, freq: 3 }) : possible;
}

function arbitraryValue(field: Exclude<Field, Primitive>, version: number): fc.Arbitrary<unknown> {
  if ("struct" in field) return arbitraryStruct(field.struct, version);
  if ("type" in field) return primitives[field.type];
  const element = typeof field.array === "string" ? primitives[field.array] : arbitraryStruct(field.array, version);
  return fc.array(element, { maxLength: 3 });
}
