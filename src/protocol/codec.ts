/**
 * Reads and writes the messages that schemas describe. Pure: bytes in, plain data out.
 */
import { ProtocolError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import { type Api, type Decoded, type Encodable, isFlexible, type VersionedData } from "./schema.ts";
import { type Struct, structCodec } from "./struct-codec.ts";
import { concat, Writer } from "./writer.ts";

export { ZERO_UUID } from "./primitive-codec.ts";

/** Of all arrays in a request: more than anybody has partitions to ask for. */
const MAX_REQUEST_ELEMENTS = 1_000_000;

/** Reads the body of a request, behind its header. */
export function readRequest<A extends Api>(api: A, version: number, reader: Reader): Decoded<A["request"]> {
  reader.limitElements(MAX_REQUEST_ELEMENTS);
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
  return decodeFrom(new Reader(bytes), data);
}

/** The same of a record in a log: versions before took strings of any length, and a start must be able to read them. */
export function decodeStored<D extends VersionedData>(data: D, bytes: Uint8Array): Decoded<D["fields"]> {
  return decodeFrom(new Reader(bytes, 0, bytes.length, true), data);
}

function decodeFrom<D extends VersionedData>(reader: Reader, data: D): Decoded<D["fields"]> {
  const version = reader.int16();
  if (version < data.versions[0]) throw new ProtocolError(`${data.name} has no version ${version}`);
  const known = Math.min(version, data.versions[1]);
  return structCodec(data.fields, known, isFlexible(data, known)).read(reader) as Decoded<D["fields"]>;
}
