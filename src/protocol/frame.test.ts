import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apiVersions } from "./apis/api-versions.ts";
import { heartbeat } from "./apis/heartbeat.ts";
import { readRequest } from "./codec.ts";
import {
  encodeRequest,
  encodeResponse,
  readRequestHeader,
  readResponseAfterCorrelationId,
  skipTagged,
} from "./frame.ts";
import { ProtocolError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import { concat } from "./writer.ts";

const beat = { groupId: "g", generationId: 3, memberId: "m" };

describe("requests", () => {
  it.each([
    ["an old version", 0, "c", "00000015 000c 0000 00000007 0001 63 0001 67 00000003 0001 6d"],
    ["an old version without a client id", 0, null, "00000014 000c 0000 00000007 ffff 0001 67 00000003 0001 6d"],
    [
      "a flexible version: the header keeps its client id's encoding and gets a tagged section",
      4,
      "c",
      "00000016 000c 0004 00000007 0001 63 00 02 67 00000003 02 6d 00 00",
    ],
  ] as const)("%s", (_what, version, clientId, expected) => {
    const frame = Buffer.from(concat(encodeRequest(heartbeat, version, { correlationId: 7, clientId }, beat)));
    expect(frame.toString("hex")).toBe(expected.replaceAll(" ", ""));
    const reader = new Reader(frame, 4);
    expect(readRequestHeader(reader)).toEqual({ apiKey: 12, apiVersion: version, correlationId: 7, clientId });
    if (version === 4) skipTagged(reader);
    expect(readRequest(heartbeat, version, reader)).toEqual({ ...beat, groupInstanceId: null });
    expect(reader.remaining).toBe(0);
  });

  it("a client id that is no UTF-8 and reads as more than a string may hold is refused", () => {
    const header = { correlationId: 7, clientId: "c".repeat(10_923) };
    const frame = Buffer.from(concat(encodeRequest(heartbeat, 0, header, beat)));
    frame.fill(0xff, 14, 14 + 10_923);
    expect(() => readRequestHeader(new Reader(frame, 4))).toThrow(ProtocolError);
  });

  it("a header of foreign bytes is read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const reader = new Reader(bytes);
        try {
          readRequestHeader(reader);
          skipTagged(reader);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe("responses", () => {
  it("a flexible version has a tagged section in the header", () => {
    const frame = Buffer.from(concat(encodeResponse(heartbeat, 4, 7, { errorCode: 27 })));
    expect(frame.toString("hex")).toBe("0000000c000000070000000000001b00");
    const reader = new Reader(frame, 8);
    expect(readResponseAfterCorrelationId(heartbeat, 4, reader)).toEqual({ throttleTimeMs: 0, errorCode: 27 });
  });

  it("ApiVersions has none, flexible or not", () => {
    const body = { errorCode: 0, apiKeys: [] };
    const frame = Buffer.from(concat(encodeResponse(apiVersions, 3, 7, body)));
    expect(frame.toString("hex")).toBe("0000000c000000070000010000000000");
    expect(readResponseAfterCorrelationId(apiVersions, 3, new Reader(frame, 8))).toMatchObject(body);
  });
});
