// Frames that real clients and a real Apache Kafka exchanged (test/interop/capture.ts records them): our codec reads
// each of them to its last byte and writes the same bytes again.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apisByKey } from "../../src/protocol/apis/index.ts";
import { readRequest } from "../../src/protocol/codec.ts";
import {
  encodeRequest,
  encodeResponse,
  readRequestHeader,
  readResponseAfterCorrelationId,
  skipTagged,
} from "../../src/protocol/frame.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { type Api, isFlexible } from "../../src/protocol/schema.ts";

interface Exchange {
  readonly client: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Frames in hex, without their length. */
  readonly request: string;
  readonly response: string;
  readonly codec?: string;
}

const folder = join(import.meta.dirname, "..", "golden");
const clients = ["apache-kafka", "java", "kafkajs", "kcat", "platformatic"];

function exchangesOf(client: string): readonly Exchange[] {
  return JSON.parse(readFileSync(join(folder, `${client}.json`), "utf8")) as readonly Exchange[];
}

/** What Kafka serves and we do not. */
const notServed: readonly string[] = ["DescribeLogDirs 5"];

function apiOf(exchange: Exchange): Api {
  const api = apisByKey.get(exchange.apiKey);
  if (api === undefined) throw new Error(`no API has the key ${exchange.apiKey}`);
  return api;
}

/** The frame in hex again, after a trip through our values. */
function requestAgain(api: Api, { request, apiVersion, correlationId }: Exchange): string {
  const reader = new Reader(Buffer.from(request, "hex"));
  const header = readRequestHeader(reader);
  expect(header).toMatchObject({ apiKey: api.key, apiVersion, correlationId });
  if (isFlexible(api, apiVersion)) skipTagged(reader);
  const body = readRequest(api, apiVersion, reader);
  expect(reader.remaining).toBe(0);
  return withoutLength(encodeRequest(api, apiVersion, header, body));
}

function responseAgain(api: Api, { response, apiVersion, correlationId }: Exchange): string {
  const reader = new Reader(Buffer.from(response, "hex"));
  expect(reader.int32()).toBe(correlationId);
  const body = readResponseAfterCorrelationId(api, apiVersion, reader);
  expect(reader.remaining).toBe(0);
  return withoutLength(encodeResponse(api, apiVersion, correlationId, body));
}

function withoutLength(pieces: readonly Uint8Array[]): string {
  const frame = Buffer.concat(pieces);
  expect(frame.readInt32BE()).toBe(frame.length - 4);
  return frame.toString("hex", 4);
}

it("every file of frames is read", () => {
  const others = ["group-log.json", "kafka-messages.json", "record-batches.json"];
  const files = readdirSync(folder).filter((file) => !others.includes(file));
  expect(files.sort()).toEqual(clients.map((client) => `${client}.json`));
});

describe.each(clients)("%s", (client) => {
  const counts = new Map<string, number>();
  const cases = exchangesOf(client).map((exchange) => {
    const api = apiOf(exchange);
    const name = [api.name, exchange.apiVersion, exchange.codec].filter((part) => part !== undefined).join(" ");
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return { name: count === 1 ? name : `${name}, number ${count}`, api, exchange };
  });
  const served = cases.filter(({ name }) => !notServed.includes(name));

  it.each(served)("$name", ({ api, exchange }) => {
    expect(requestAgain(api, exchange)).toBe(exchange.request);
    expect(responseAgain(api, exchange)).toBe(exchange.response);
  });
});
