/** Frames: a length, a header and a body. Pure. */
import { readResponse, writeRequest, writeResponse } from "./codec.ts";
import type { Reader } from "./reader.ts";
import { type Api, type Decoded, type Encodable, isFlexible } from "./schema.ts";
import { readString } from "./strings.ts";
import { Writer } from "./writer.ts";

const API_VERSIONS_KEY = 18;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Reads the fields of a request header that all its versions share (v1). */
export function readRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const length = reader.int16();
  const clientId = length < 0 ? null : readString(reader, length);
  return { apiKey, apiVersion, correlationId, clientId };
}

/** Moves over a section of tagged fields whose contents do not matter. */
export function skipTagged(reader: Reader): void {
  const count = reader.unsignedVarint();
  for (let i = 0; i < count; i++) {
    reader.unsignedVarint();
    reader.skip(reader.unsignedVarint());
  }
}

/** A whole request, length included, as pieces to send one behind the other. */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  body: Encodable<A["request"]>,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0); // the length, once known
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(header.correlationId);
  if (header.clientId === null) writer.int16(-1);
  else {
    const length = Buffer.byteLength(header.clientId);
    writer.int16(length);
    writer.utf8(header.clientId, length);
  }
  if (isFlexible(api, version)) writer.unsignedVarint(0);
  writeRequest(api, version, writer, body);
  return writer.finishFrame();
}

/** A whole response, length included. */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: Encodable<A["response"]>,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0); // the length, once known
  writer.int32(correlationId);
  if (hasTaggedResponseHeader(api, version)) writer.unsignedVarint(0);
  writeResponse(api, version, writer, body);
  return writer.finishFrame();
}

/** Reads what follows the correlation id of a response. */
export function readResponseAfterCorrelationId<A extends Api>(
  api: A,
  version: number,
  reader: Reader,
): Decoded<A["response"]> {
  if (hasTaggedResponseHeader(api, version)) skipTagged(reader);
  return readResponse(api, version, reader);
}

/** ApiVersions is answered with the old header for ever: a client reads it before it knows what the broker speaks. */
function hasTaggedResponseHeader(api: Api, version: number): boolean {
  return isFlexible(api, version) && api.key !== API_VERSIONS_KEY;
}
