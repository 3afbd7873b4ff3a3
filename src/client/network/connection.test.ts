import { describe, expect, it } from "vitest";
import { SteppedClock } from "../../../test/support/stepped-clock.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Connection, ConnectionHandler, Network } from "../../platform/network.ts";
import { NetworkError } from "../../platform/network.ts";
import { nodePlatform } from "../../platform/node/index.ts";
import { apiVersions } from "../../protocol/apis/api-versions.ts";
import { heartbeat } from "../../protocol/apis/heartbeat.ts";
import { errorCodes } from "../../protocol/errors.ts";
import { encodeResponse } from "../../protocol/frame.ts";
import type { Api, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError } from "../errors.ts";
import { BrokerConnection } from "./connection.ts";
import { Lane } from "./lane.ts";

/** A broker as one test wants it: sees requests, answers when told to. */
class ScriptedBroker implements Connection {
  readonly remoteAddress = "scripted:1";
  readonly unsentBytes = 0;
  onSent: (() => void) | undefined;
  readonly requests: { readonly apiKey: number; readonly version: number; readonly correlationId: number }[] = [];
  isDestroyed = false;
  /** Highest ApiVersions that it knows. */
  readonly #apiVersions: number;
  readonly #heartbeats: readonly [number, number];
  readonly #clock: Clock;
  #handler: ConnectionHandler | undefined;

  constructor(
    options: {
      readonly apiVersions?: number;
      readonly heartbeats?: readonly [number, number];
      readonly clock?: Clock;
    } = {},
  ) {
    this.#clock = options.clock ?? nodePlatform.clock;
    this.#apiVersions = options.apiVersions ?? 4;
    this.#heartbeats = options.heartbeats ?? [0, 4];
  }

  connect(closing = new AbortController()): Promise<BrokerConnection> {
    const network = { listen: () => Promise.reject(new Error("unused")), connect: () => Promise.resolve(this) };
    const times = { connectTimeoutMs: 1_000, requestTimeoutMs: 1_000 };
    const options = { platform: { ...nodePlatform, network, clock: this.#clock }, clientId: "test", ...times };
    return BrokerConnection.open("scripted", 1, options, closing.signal);
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    this.onSent = onSent;
    const frame = Buffer.concat(chunks);
    const request = {
      apiKey: frame.readInt16BE(4),
      version: frame.readInt16BE(6),
      correlationId: frame.readInt32BE(8),
    };
    this.requests.push(request);
    if (request.apiKey === apiVersions.key) this.#tellVersions(request.version, request.correlationId);
    return true;
  }

  answer<A extends Api>(api: A, version: number, correlationId: number, body: ResponseOf<A>): void {
    this.receive(Buffer.concat(encodeResponse(api, version, correlationId, body as never)));
  }

  receive(bytes: Uint8Array): void {
    this.#handler?.onData(bytes);
  }

  lose(error?: NetworkError): void {
    this.#handler?.onClose(error);
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.isDestroyed = true;
  }

  #tellVersions(version: number, correlationId: number): void {
    if (this.#apiVersions < 0) return;
    const isKnown = version <= this.#apiVersions;
    const [minVersion, maxVersion] = this.#heartbeats;
    this.answer(apiVersions, isKnown ? version : 0, correlationId, {
      errorCode: isKnown ? 0 : errorCodes.UNSUPPORTED_VERSION,
      apiKeys: [
        { apiKey: apiVersions.key, minVersion: 0, maxVersion: this.#apiVersions },
        { apiKey: heartbeat.key, minVersion, maxVersion },
      ],
      throttleTimeMs: 0,
      supportedFeatures: [],
      finalizedFeaturesEpoch: 3,
      finalizedFeatures: [{ name: "transaction.version", minVersionLevel: 0, maxVersionLevel: 2 }],
      zkMigrationReady: false,
    });
  }
}

const beat = { groupId: "g", generationId: 1, memberId: "m", groupInstanceId: null };

function answerOf(throttleTimeMs: number): ResponseOf<typeof heartbeat> {
  return { throttleTimeMs, errorCode: 0 };
}

describe("a connection", () => {
  it("learns what the broker speaks", async () => {
    const broker = new ScriptedBroker({ heartbeats: [2, 9] });
    const connection = await broker.connect();
    expect(connection.versionOf(heartbeat)).toBe(heartbeat.versions[1]);
    expect(connection.versionOf(heartbeat, 3)).toBe(3);
    expect(connection.features.get("transaction.version")).toBe(2);
    expect(() => connection.versionOf(heartbeat, 1)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_VERSION" }));
    connection.close(new OncillaError("CLOSED", "closed"));
  });

  it.each([3, 2, 1, 0])("asks a broker that knows ApiVersions up to %d only again (KIP-511)", async (highest) => {
    const broker = new ScriptedBroker({ apiVersions: highest });
    const connection = await broker.connect();
    expect(broker.requests.map(({ version }) => version)).toEqual([apiVersions.versions[1], highest]);
    expect(connection.versionOf(heartbeat)).toBe(4);
    connection.close(new OncillaError("CLOSED", "closed"));
  });

  it("matches answers with requests, in whatever order they come", async () => {
    const broker = new ScriptedBroker();
    const connection = await broker.connect();
    const answers = Promise.all([connection.send(heartbeat, 4, beat), connection.send(heartbeat, 4, beat)]);
    const [, first, second] = broker.requests.map(({ correlationId }) => correlationId) as [number, number, number];
    broker.answer(heartbeat, 4, second, answerOf(2));
    broker.answer(heartbeat, 4, first, answerOf(1));
    expect(await answers).toEqual([answerOf(1), answerOf(2)]);
    connection.close(new OncillaError("CLOSED", "closed"));
  });

  it.each([
    [
      "the connection is lost",
      (broker: ScriptedBroker) => broker.lose(new NetworkError("ECONNRESET", "reset")),
      "was lost (reset)",
    ],
    [
      "an answer comes that nobody asked for",
      (broker: ScriptedBroker) => broker.answer(heartbeat, 4, 99, answerOf(0)),
      "99",
    ],
    [
      "an answer cannot be read",
      (broker: ScriptedBroker) => broker.receive(Buffer.from("0000000600000001ffff", "hex")),
      "cannot be read",
    ],
    [
      "the bytes are something else",
      (broker: ScriptedBroker) => broker.receive(Buffer.from("HTTP/1.1")),
      "not Kafka's protocol",
    ],
  ])("gives all open requests up when %s", async (_, happen, message) => {
    const broker = new ScriptedBroker();
    const connection = await broker.connect();
    let closed = 0;
    connection.onClosed(() => closed++);
    const sent = Promise.allSettled([connection.send(heartbeat, 4, beat), connection.send(heartbeat, 4, beat)]);
    happen(broker);
    for (const outcome of await sent) {
      const reason = { code: "DISCONNECTED", retriable: true };
      expect(outcome).toMatchObject({ status: "rejected", reason });
    }
    expect(JSON.stringify((await sent).map((each) => each.status === "rejected" && each.reason.message))).toContain(
      message,
    );
    expect(connection.isOpen).toBe(false);
    expect(closed).toBe(1);
    expect(broker.isDestroyed).toBe(true);
    await expect(connection.send(heartbeat, 4, beat)).rejects.toMatchObject({ code: "DISCONNECTED" });
  });

  it("is done with a request that has no answer once it is sent", async () => {
    const broker = new ScriptedBroker();
    const connection = await broker.connect();
    let isSent = false;
    const sent = connection.sendOneWay(heartbeat, 4, beat).then(() => (isSent = true));
    await new Promise(setImmediate);
    expect(isSent).toBe(false);
    broker.onSent?.();
    await sent;
    const lost = connection.sendOneWay(heartbeat, 4, beat);
    broker.lose();
    await expect(lost).rejects.toMatchObject({ code: "DISCONNECTED", retriable: true });
    await expect(connection.sendOneWay(heartbeat, 4, beat)).rejects.toMatchObject({ code: "DISCONNECTED" });
  });

  it("gives up a broker that does not take requests in time", async () => {
    const connection = await new ScriptedBroker().connect();
    await expect(connection.sendOneWay(heartbeat, 4, beat, 10)).rejects.toThrow("did not take it in time");
    expect(connection.isOpen).toBe(false);
  });

  it("gives up a broker that does not answer in time", async () => {
    const connection = await new ScriptedBroker().connect();
    const late = connection.send(heartbeat, 4, beat, 20);
    const other = connection.send(heartbeat, 4, beat, 10_000);
    await expect(late).rejects.toThrow("Heartbeat: broker scripted:1 did not answer in time");
    await expect(other).rejects.toMatchObject({ code: "DISCONNECTED" });
  });

  it("looks at what has come in before it gives up: the process may have been busy all the time", async () => {
    const clock = new SteppedClock();
    const broker = new ScriptedBroker({ clock });
    const connection = await broker.connect();
    const asked = connection.send(heartbeat, 4, beat, 1_000);
    clock.advance(60_000);
    // Timers come before input in a turn of the event loop.
    broker.answer(heartbeat, 4, broker.requests.at(-1)?.correlationId ?? -1, answerOf(0));
    expect(await asked).toMatchObject({ errorCode: 0 });
    expect(connection.isOpen).toBe(true);
  });

  it("waits longer for a broker that throttles it (KIP-219)", async () => {
    const clock = new SteppedClock();
    const broker = new ScriptedBroker({ clock });
    const connection = await broker.connect();
    const throttled = connection.send(heartbeat, 4, beat, 1_000);
    const behind = connection.send(heartbeat, 4, beat, 1_000);
    const [, first, second] = broker.requests.map(({ correlationId }) => correlationId) as [number, number, number];
    broker.answer(heartbeat, 4, first, answerOf(5_000));
    await throttled;
    const later = connection.send(heartbeat, 4, beat, 1_000);
    clock.advance(5_900);
    expect(connection.isOpen).toBe(true);
    broker.answer(heartbeat, 4, second, answerOf(0));
    await behind;
    clock.advance(100);
    await expect(later).rejects.toThrow("did not answer in time");
  });

  it("whose broker has moved while it was opened costs an attempt, and is not the end of its owner", async () => {
    const opened: (() => void)[] = [];
    const connect = (): Promise<Connection> =>
      new Promise((resolve) => opened.push(() => resolve(new ScriptedBroker())));
    const network = { listen: () => Promise.reject(new Error("unused")), connect };
    const platform = { ...nodePlatform, network };
    let port = 1;
    const lane = new Lane(
      { addressOf: () => ({ host: "scripted", port }), connected: () => {} },
      { platform, clientId: "test", connectTimeoutMs: 1_000, requestTimeoutMs: 1_000 },
    );
    const asked = expect(lane.request(7, heartbeat, beat)).rejects.toMatchObject({
      code: "DISCONNECTED",
      retriable: true,
    });
    port = 2;
    const moved = lane.connect(7);
    for (const open of opened) open();
    await asked;
    expect((await moved).address).toBe("scripted:2");
    lane.close();
  });

  it("that is still being opened is given up once its owner is closed", async () => {
    const connect: Network["connect"] = ({ signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(new NetworkError("ABORTED", "given up")));
      });
    const network = { listen: () => Promise.reject(new Error("unused")), connect };
    const lane = new Lane(
      { addressOf: () => ({ host: "silent", port: 1 }), connected: () => {} },
      { platform: { ...nodePlatform, network }, clientId: "test", connectTimeoutMs: 60_000, requestTimeoutMs: 1_000 },
    );
    const asked = expect(lane.request(7, heartbeat, beat)).rejects.toMatchObject({ code: "CLOSED" });
    lane.close();
    await asked;
  });

  it("to what does not speak Kafka's protocol is DISCONNECTED", async () => {
    const broker = new ScriptedBroker({ apiVersions: -1 });
    const opened = expect(broker.connect()).rejects.toMatchObject({ code: "DISCONNECTED" });
    await Promise.resolve();
    // An HTTP/2 server's first frame: a frame of four bytes, which are the correlation id of the only request.
    broker.receive(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    await opened;
    expect(broker.isDestroyed).toBe(true);
  });

  it("is not opened any more once its owner is closed", async () => {
    const closing = new AbortController();
    const broker = new ScriptedBroker({ apiVersions: -1 });
    const reason = new OncillaError("CLOSED", "closed");
    closing.abort(reason);
    await expect(broker.connect(closing)).rejects.toBe(reason);
    expect(broker.isDestroyed).toBe(true);
  });
});
