/**
 * A network between a client and its brokers that does what networks do: loses requests, loses answers, falls silent, is slow.
 * It reads along, so that a test can say where: at the nth request of an API.
 */
import { type Connection, type ConnectionHandler, type Network, NetworkError } from "../../src/platform/network.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { readRequest } from "../../src/protocol/codec.ts";
import {
  encodeResponse,
  readRequestHeader,
  readResponseAfterCorrelationId,
  skipTagged,
} from "../../src/protocol/frame.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { type Api, isFlexible, type RequestOf, type ResponseOf } from "../../src/protocol/schema.ts";

/**
 * - lose request: the connection breaks, and the request does not get there.
 * - lose answer: the broker carries the request out, and the connection breaks before its answer.
 * - cut: the connection breaks right behind the request; whether it got there is open.
 * - silence: the request does not get there, and the connection stays as if nothing was.
 * - hold: the request, and what follows on its connection, goes out once `release` is called.
 */
export type Fault = "lose request" | "lose answer" | "cut" | "silence" | "hold";

export const connectionFaults: readonly Fault[] = ["lose request", "lose answer", "cut", "silence"];

interface Rule {
  readonly fault: Fault;
  readonly then: () => void;
  /** Requests to let through before. */
  left: number;
}

/** Changes an answer, or leaves it alone (undefined). */
type Rewrite = (version: number, correlationId: number, reader: Reader) => readonly Uint8Array[] | undefined;

export class FaultyNetwork {
  readonly platform: Platform;
  /** How often a fault has struck. */
  hits: number = 0;
  /** How many requests of each API were sent, by key. */
  readonly sent: Map<number, number> = new Map();
  readonly #rules = new Map<number, Rule>();
  readonly #rewrites = new Map<number, Rewrite>();
  readonly #watches = new Map<number, (version: number, reader: Reader) => void>();
  readonly #connections = new Set<TappedConnection>();
  #isDown = false;

  constructor() {
    const network: Network = {
      listen: () => Promise.reject(new Error("nobody listens behind a faulty network")),
      connect: async (options) => {
        if (this.#isDown) throw new NetworkError("ECONNREFUSED", "the network is down");
        const connection = new TappedConnection(await nodePlatform.network.connect(options), this);
        this.#connections.add(connection);
        return connection;
      },
    };
    this.platform = { ...nodePlatform, network };
  }

  /** The fault strikes once, at the `nth` request of the API from now on. `then` runs when it has, at the answer that is lost. */
  at(api: Api, nth: number, fault: Fault, then: () => void = () => {}): void {
    this.#rules.set(api.key, { fault, then, left: nth - 1 });
  }

  /** Every answer of the API goes through `change`; undefined leaves it as it is. */
  rewrite<A extends Api>(api: A, change: (response: ResponseOf<A>) => ResponseOf<A> | undefined): void {
    this.#rewrites.set(api.key, (version, correlationId, reader) => {
      const changed = change(readResponseAfterCorrelationId(api, version, reader));
      return changed && encodeResponse(api, version, correlationId, changed as never);
    });
  }

  /** Every request of the API is shown to `see`. */
  watch<A extends Api>(api: A, see: (request: RequestOf<A>, version: number) => void): void {
    this.#watches.set(api.key, (version, reader) => {
      if (isFlexible(api, version)) skipTagged(reader);
      see(readRequest(api, version, reader), version);
    });
  }

  /** Lets go what is held. */
  release(): void {
    for (const connection of this.#connections) connection.release();
  }

  /** Breaks all connections; new ones fail until `up`. */
  down(): void {
    this.#isDown = true;
    for (const connection of this.#connections) connection.destroy();
  }

  up(): void {
    this.#isDown = false;
  }

  /** What happens to a request. */
  decide(frame: Buffer): Omit<Rule, "left"> | undefined {
    const reader = new Reader(frame, 4);
    const { apiKey, apiVersion } = readRequestHeader(reader);
    this.#watches.get(apiKey)?.(apiVersion, reader);
    this.sent.set(apiKey, (this.sent.get(apiKey) ?? 0) + 1);
    const rule = this.#rules.get(apiKey);
    if (!rule || rule.left-- > 0) return undefined;
    this.#rules.delete(apiKey);
    this.hits++;
    if (rule.fault !== "lose answer") nodePlatform.clock.setImmediate(rule.then);
    return rule;
  }

  rewritten(apiKey: number, version: number, correlationId: number, frame: Buffer): readonly Uint8Array[] | undefined {
    return this.#rewrites.get(apiKey)?.(version, correlationId, new Reader(frame, 8));
  }

  closed(connection: TappedConnection): void {
    this.#connections.delete(connection);
  }
}

interface OpenRequest {
  readonly apiKey: number;
  readonly version: number;
  /** The answer is lost, and then this happens. */
  readonly whenLost: (() => void) | undefined;
}

class TappedConnection implements Connection {
  readonly #inner: Connection;
  readonly #faults: FaultyNetwork;
  readonly #open = new Map<number, OpenRequest>();
  #received: Buffer = Buffer.alloc(0);
  #handler: ConnectionHandler | undefined;
  #isSilent = false;
  /** While holding. */
  #held: { readonly frame: Uint8Array; readonly onSent: (() => void) | undefined }[] | undefined;

  constructor(inner: Connection, faults: FaultyNetwork) {
    this.#inner = inner;
    this.#faults = faults;
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#inner.open({
      onData: (chunk) => this.#receive(chunk),
      onClose: (error) => {
        this.#faults.closed(this);
        handler.onClose(error);
      },
      onDrain: () => handler.onDrain?.(),
    });
  }

  /** The client writes whole requests. */
  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    const bytes = Buffer.concat(chunks);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readInt32BE(at);
      this.#request(bytes.subarray(at, end), end === bytes.length ? onSent : undefined);
      at = end;
    }
    return true;
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const { frame, onSent } of held ?? []) this.#inner.write([frame], onSent);
  }

  get unsentBytes(): number {
    return this.#inner.unsentBytes;
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }

  #request(frame: Buffer, onSent?: () => void): void {
    const apiKey = frame.readInt16BE(4);
    const { fault, then } = this.#faults.decide(frame) ?? {};
    const request = { apiKey, version: frame.readInt16BE(6), whenLost: fault === "lose answer" ? then : undefined };
    this.#open.set(frame.readInt32BE(8), request);
    if (fault === "silence") this.#isSilent = true;
    if (fault === "hold") this.#held = [];
    if (fault === "lose request") this.#inner.destroy();
    else if (this.#held) this.#held.push({ frame, onSent });
    else if (!this.#isSilent) this.#inner.write([frame], onSent);
    // Ends behind what is queued.
    if (fault === "cut") this.#inner.end();
  }

  #receive(chunk: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = Buffer.from(this.#received.subarray(0, end));
      this.#received = this.#received.subarray(end);
      this.#answer(frame);
    }
  }

  #answer(frame: Buffer): void {
    const correlationId = frame.readInt32BE(4);
    const request = this.#open.get(correlationId);
    this.#open.delete(correlationId);
    if (!request) throw new Error(`an answer to request ${correlationId}, which was not sent`);
    if (this.#isSilent) return;
    if (request.whenLost) {
      this.#isSilent = true;
      this.#inner.destroy();
      request.whenLost();
      return;
    }
    const changed = this.#faults.rewritten(request.apiKey, request.version, correlationId, frame);
    this.#handler?.onData(changed ? Buffer.concat(changed) : frame);
  }
}
