/**
 * The language in which the wire's messages are written down. Pure types: one schema serves both directions and gives
 * the TypeScript types; `codec.ts` interprets it. The vocabulary is that of Apache Kafka's message definitions, so that a
 * test can compare the two field by field.
 */

/** How a primitive looks in TypeScript. `int64` is a number: exact up to 2^53, rounded to the nearest double beyond.
 * `uuid` is base64url without padding, as Kafka prints it. `bytes` and `records` are views into the frame, not copies. */
interface PrimitiveValues {
  readonly bool: boolean;
  readonly int8: number;
  readonly int16: number;
  readonly uint16: number;
  readonly int32: number;
  readonly uint32: number;
  readonly int64: number;
  readonly float64: number;
  readonly string: string;
  readonly uuid: string;
  readonly bytes: Uint8Array;
  readonly records: Uint8Array;
}

export type Primitive = keyof PrimitiveValues;

/** "3" (only 3), "3+" (3 and later) or "3-5" (both included). */
export type VersionRange = string;

export interface FieldOptions {
  /** Versions that have the field; all of them when not given. Elsewhere it reads as its default. */
  readonly versions?: VersionRange;
  /** Versions in which it may be null. */
  readonly nullable?: VersionRange;
  /** With `tagged`: the field travels in the tagged section under this number. */
  readonly tag?: number;
  readonly tagged?: VersionRange;
  /** What an absent field reads as: 0, "", false, the zero UUID, or empty, when not given. */
  readonly default?: string | number | boolean | null;
}

export type Fields = { readonly [name: string]: Field };

export type Field =
  | Primitive
  | ({ readonly type: Primitive } & FieldOptions)
  | ({ readonly array: Primitive | Fields } & FieldOptions)
  | ({ readonly struct: Fields } & FieldOptions);

/** One API: all its versions. */
export interface Api {
  readonly key: number;
  readonly name: string;
  /** The lowest and the highest version served. */
  readonly versions: readonly [number, number];
  /** The first version with compact encodings and tagged fields; null when there is none. */
  readonly flexible: number | null;
  readonly request: Fields;
  readonly response: Fields;
}

/** A message that lives in a log or inside another message rather than being a request: it begins with its version. */
export interface VersionedData {
  readonly name: string;
  readonly versions: readonly [number, number];
  readonly flexible: number | null;
  readonly fields: Fields;
}

type OrNull<F, T> = F extends { readonly nullable: string } ? T | null : T;

type DecodedField<F> = F extends Primitive
  ? PrimitiveValues[F]
  : F extends { readonly type: infer P extends Primitive }
    ? OrNull<F, PrimitiveValues[P]>
    : F extends { readonly array: infer E }
      ? OrNull<F, (E extends Primitive ? PrimitiveValues[E] : Decoded<E>)[]>
      : F extends { readonly struct: infer S }
        ? OrNull<F, Decoded<S>>
        : never;

/** A message as it is read: every field is there. */
export type Decoded<S> = { -readonly [K in keyof S]: DecodedField<S[K]> };

type EncodableField<F> = F extends Primitive
  ? PrimitiveValues[F]
  : F extends { readonly type: infer P extends Primitive }
    ? OrNull<F, PrimitiveValues[P]>
    : F extends { readonly array: infer E }
      ? OrNull<F, readonly (E extends Primitive ? PrimitiveValues[E] : Encodable<E>)[]>
      : F extends { readonly struct: infer S }
        ? OrNull<F, Encodable<S>>
        : never;

type OptionalKeys<S> = {
  [K in keyof S]: S[K] extends { readonly versions: string } | { readonly tag: number } | { readonly default: unknown }
    ? K
    : never;
}[keyof S];

/** A message as it is written: fields with a default, a tag or limited versions may be left out. */
export type Encodable<S> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: EncodableField<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: EncodableField<S[K]>;
};

export type RequestOf<A extends Api> = Decoded<A["request"]>;
export type ResponseOf<A extends Api> = Decoded<A["response"]>;
export type RequestBody<A extends Api> = Encodable<A["request"]>;
export type ResponseBody<A extends Api> = Encodable<A["response"]>;

/** Whether `version` has compact encodings and tagged fields (KIP-482). */
export function isFlexible(schema: { readonly flexible: number | null }, version: number): boolean {
  return schema.flexible !== null && version >= schema.flexible;
}

/** Where a version has a field. With `tagged` and no other `versions` it is in the tagged section or nowhere. */
export function placeOf(field: Field, version: number): "untagged" | "tagged" | "absent" {
  if (typeof field === "string") return "untagged";
  if (field.tagged !== undefined && inRange(field.tagged, version)) return "tagged";
  if (field.tagged !== undefined && field.versions === undefined) return "absent";
  return inRange(field.versions, version) ? "untagged" : "absent";
}

/** Whether `range` holds `version`. */
export function inRange(range: VersionRange | undefined, version: number): boolean {
  if (range === undefined) return true;
  if (range.endsWith("+")) return version >= Number(range.slice(0, -1));
  const dash = range.indexOf("-");
  if (dash < 0) return version === Number(range);
  return version >= Number(range.slice(0, dash)) && version <= Number(range.slice(dash + 1));
}
