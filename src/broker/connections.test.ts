import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RawClient } from "../../test/support/raw-client.ts";
import { batchOf, RawSession } from "../../test/support/raw-session.ts";
import { until } from "../../test/support/until.ts";
import type { LogLevel } from "../platform/logger.ts";
import { apiVersions } from "../protocol/apis/api-versions.ts";
import { fetch } from "../protocol/apis/fetch.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { produce } from "../protocol/apis/produce.ts";
import { errorName } from "../protocol/errors.ts";
import { encodeRequest } from "../protocol/frame.ts";
import { Broker } from "./broker.ts";

const MAX_REQUEST_BYTES = 100_000;

let broker: Broker;
let session: RawSession;
const lines: string[] = [];

beforeAll(async () => {
  const logger = {
    log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) =>
      lines.push(`${level} ${message} ${fields?.error}`),
  };
  broker = await Broker.start({ maxRequestBytes: MAX_REQUEST_BYTES, logger });
  session = await RawSession.open(broker.address);
});

afterEach(() => {
  lines.length = 0;
});

afterAll(async () => {
  session.close();
  await broker.stop();
});

/** A frame with any header and body. */
function frame(apiKey: number, apiVersion: number, correlationId: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + body.length, 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(-1, 12);
  return Buffer.concat([header, body]);
}

/** What comes back for some bytes until the broker ends the connection, or until `bytes` of it are there. */
function exchange(sent: Uint8Array, bytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const [host = "", port] = broker.address.split(":");
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect({ host, port: Number(port) }, () => socket.write(sent));
    const done = (): void => {
      socket.destroy();
      resolve(Buffer.concat(received));
    };
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      if (Buffer.concat(received).length >= bytes) done();
    });
    socket.on("error", () => {});
    socket.on("close", done);
  });
}

describe("ApiVersions", () => {
  it("lists what is served; Produce from 0 on, for librdkafka", async () => {
    const { apiKeys, finalizedFeatures } = await session.client.send(apiVersions, 4, {
      clientSoftwareName: "raw",
      clientSoftwareVersion: "1.0",
    });
    const range = (key: number) => {
      const found = apiKeys.find(({ apiKey }) => apiKey === key);
      return found && [found.minVersion, found.maxVersion];
    };
    expect(range(0)).toEqual([0, 13]);
    expect(range(1)).toEqual([4, 18]);
    expect(range(18)).toEqual([0, 4]);
    expect(finalizedFeatures).toContainEqual({ name: "transaction.version", maxVersionLevel: 2, minVersionLevel: 2 });
  });

  it("of a version that is not known is answered in the shape of v0 (KIP-511)", async () => {
    const response = await exchange(frame(18, 99, 7), 8);
    expect(response.readInt32BE(4)).toBe(7);
    expect(errorName(response.readInt16BE(8))).toBe("UNSUPPORTED_VERSION");
    expect(response.readInt32BE(10)).toBeGreaterThan(30);
  });

  it("of a client with a strange name is refused", async () => {
    const { errorCode } = await session.client.send(apiVersions, 3, {
      clientSoftwareName: "a b",
      clientSoftwareVersion: "1",
    });
    expect(errorName(errorCode)).toBe("INVALID_REQUEST");
  });
});

describe("what cannot be answered ends the one connection", () => {
  it.each<[string, Uint8Array, string]>([
    ["an API that is not known", frame(9999, 0, 1), "the API with the key 9999 is not served"],
    ["a version that is not known", frame(0, 99, 1), "Produce has no version 99"],
    ["a body that ends too early", frame(3, 12, 1), "malformed"],
    ["a length that is negative", Buffer.from([0xff, 0xff, 0xff, 0xff]), "a frame of -1 bytes"],
    ["a length beyond the limit", Buffer.from([0x7f, 0xff, 0xff, 0xff]), "a frame of 2147483647 bytes; at most 100000"],
    ["a frame too short for a header", Buffer.from([0, 0, 0, 2, 0, 0]), "malformed"],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "a frame of 1195725856 bytes"],
  ])("%s", async (_what, bytes, reason) => {
    expect(await exchange(bytes)).toHaveLength(0);
    expect(lines.join("\n")).toContain("connection closed: malformed request");
    if (reason !== "malformed") expect(lines.join("\n")).toContain(reason);
    // Everybody else goes on.
    expect((await session.client.send(metadata, 12, { topics: [] })).brokers).toHaveLength(1);
  });

  it("random bytes never do more than that", async () => {
    for (let i = 0; i < 200; i++) {
      const body = Buffer.from(Array.from({ length: i }, (_, at) => (at * 7919 + i * 104_729) % 256));
      const bytes = frame(i % 76, (i * 31) % 14, i, body);
      await exchange(bytes, 8);
    }
    expect(lines.filter((line) => line.startsWith("error"))).toEqual([]);
    expect((await session.client.send(metadata, 12, { topics: [] })).brokers).toHaveLength(1);
  });
});

describe("frames", () => {
  it("may arrive byte by byte", async () => {
    const whole = Buffer.concat(encodeRequest(metadata, 12, { correlationId: 5, clientId: "raw" }, { topics: [] }));
    const client = await RawClient.connect(broker.address);
    const answered = client.send(metadata, 12, { topics: [] });
    await answered;
    const [host = "", port] = broker.address.split(":");
    const response = await new Promise<Buffer>((resolve) => {
      const socket = connect({ host, port: Number(port), noDelay: true }, async () => {
        for (const byte of whole) {
          await new Promise((sent) => socket.write(Buffer.from([byte]), sent));
        }
      });
      socket.once("data", (chunk: Buffer) => {
        socket.destroy();
        resolve(chunk);
      });
    });
    expect(response.readInt32BE(4)).toBe(5);
    client.close();
  });

  it("are answered in order: who waits is not passed", async () => {
    const topic = await session.createTopic("in-order");
    const client = await RawSession.open(broker.address);
    let isAnswered = false;
    const waiting = client.fetch(topic, { maxWaitMs: 20_000 });
    const behind = client.client.send(metadata, 12, { topics: [] }).then(() => {
      isAnswered = true;
    });
    // By now the broker has taken both.
    await session.client.send(metadata, 12, { topics: [] });
    await session.client.send(metadata, 12, { topics: [] });
    expect(isAnswered).toBe(false);
    await session.produce(topic, ["a"]);
    // The client itself refuses responses in another order than that of the requests.
    await Promise.all([waiting, behind]);
    client.close();
  });

  it("a reader that takes nothing is not read from for ever, and gets everything in the end", async () => {
    const topic = await session.createTopic("slow-reader");
    const value = "a".repeat(90_000);
    for (let i = 0; i < 10; i++) await session.produce(topic, [value]);
    const request = (correlationId: number) =>
      encodeRequest(
        fetch,
        12,
        { correlationId, clientId: "slow" },
        {
          maxWaitMs: 0,
          minBytes: 1,
          isolationLevel: 0,
          topics: [
            { topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }] },
          ],
        },
      );
    const requests = Array.from({ length: 100 }, (_, i) => request(i)).flat();
    const [host = "", port] = broker.address.split(":");
    const socket = connect({ host, port: Number(port) });
    socket.pause();
    socket.write(Buffer.concat(requests));
    const memoryBefore = process.memoryUsage().arrayBuffers;
    await session.client.send(metadata, 12, { topics: [] });
    // 100 answers of 900 KB each; only a few may be held.
    expect(process.memoryUsage().arrayBuffers - memoryBefore).toBeLessThan(50_000_000);
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.resume();
    await until(() => received > 100 * 10 * value.length);
    socket.destroy();
  });

  it("many small requests of one turn", async () => {
    const topic = await session.createTopic("many");
    const client = await RawClient.connect(broker.address);
    const answers = await Promise.all(
      Array.from({ length: 5000 }, () =>
        client.send(produce, 9, {
          acks: 1,
          timeoutMs: 1000,
          topicData: [{ name: topic.name, partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
        }),
      ),
    );
    const offsets = answers.map(({ responses }) => responses[0]?.partitionResponses[0]?.baseOffset);
    expect(offsets).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    client.close();
  });
});
