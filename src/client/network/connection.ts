/** One connection to one broker: requests are pipelined and matched with their answers by correlation id. */
import type { Connection } from "../../platform/network.ts";
import { NetworkError } from "../../platform/network.ts";
import type { Platform } from "../../platform/platform.ts";
import { apiVersions } from "../../protocol/apis/api-versions.ts";
import { readResponse } from "../../protocol/codec.ts";
import { errorCodes, errorName } from "../../protocol/errors.ts";
import { encodeRequest, readResponseAfterCorrelationId } from "../../protocol/frame.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";
import type { Api, RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { FrameReader } from "./frame-reader.ts";

/** How the client names itself to brokers (KIP-511). */
const SOFTWARE = { clientSoftwareName: "oncilla", clientSoftwareVersion: "0.1.0" };
/** Twice what a fetch asks for by default: its first batch may be larger than was asked. */
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
const CORRELATION_ID_LIMIT = 0x7fffffff;

export interface ConnectionOptions {
  readonly platform: Platform;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

interface PendingRequest {
  readonly what: string;
  readonly timeoutMs: number;
  /** In the time of `clock.monotonic()`. */
  deadline: number;
  /** Reads what follows the correlation id. Undefined: no answer comes. */
  readonly decode: ((reader: Reader, frame: Buffer) => unknown) | undefined;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: OncillaError) => void;
}

export class BrokerConnection {
  /** "host:port". */
  readonly address: string;
  readonly #connection: Connection;
  readonly #options: ConnectionOptions;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #frames: FrameReader;
  readonly #deadlines: Alarm;
  #nextCorrelationId = 0;
  /** Until then a broker that throttles this client reads nothing of it (KIP-219), in the time of `clock.monotonic()`. */
  #throttledUntil = Number.NEGATIVE_INFINITY;
  #closed: OncillaError | undefined;
  #onClosed: (() => void) | undefined;
  /** What the broker speaks: [lowest, highest] by API key. */
  #versions: ReadonlyMap<number, readonly [number, number]> = new Map();
  /** Levels of the cluster's finalized features (KIP-584), as of `featuresEpoch`. */
  features: ReadonlyMap<string, number> = new Map();
  featuresEpoch = -1;

  /** Connects and asks what the broker speaks. Rejects with DISCONNECTED when that fails, and with the reason of `signal` when
   * that is aborted first. */
  static async open(
    host: string,
    port: number,
    options: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<BrokerConnection> {
    const address = `${host}:${port}`;
    const { connectTimeoutMs: timeoutMs } = options;
    let connection: Connection;
    try {
      connection = await options.platform.network.connect({ host, port, timeoutMs, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NetworkError)) throw error;
      const advice = "check that it runs, and that it can be reached from here";
      throw new OncillaError("DISCONNECTED", `no connection to broker: ${error.message}: ${advice}`, {
        cause: error,
        retriable: true,
      });
    }
    const opened = new BrokerConnection(address, connection, options);
    const onAbort = (): void => opened.close(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await opened.#negotiate();
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    return opened;
  }

  private constructor(address: string, connection: Connection, options: ConnectionOptions) {
    this.address = address;
    this.#connection = connection;
    this.#options = options;
    this.#frames = new FrameReader(MAX_FRAME_BYTES, (frame) => this.#received(frame));
    // In a turn of the event loop timers come first: the answer may be there, and this process have been busy all the time.
    const { clock } = options.platform;
    this.#deadlines = new Alarm(clock, () => clock.setImmediate(() => this.#checkDeadlines()));
    connection.open({
      onData: (chunk) => this.#receivedChunk(chunk),
      onClose: (error) => this.#shutDown(disconnected(`the connection to broker ${address} was lost`, error)),
    });
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Calls back once, when the connection is gone. */
  onClosed(callback: () => void): void {
    this.#onClosed = callback;
    if (this.#closed) callback();
  }

  /** The highest version that both sides speak, from `floor` to `limit`. Throws UNSUPPORTED_VERSION when there is none. */
  versionOf(api: Api, limit: number = Number.POSITIVE_INFINITY, floor: number = api.versions[0]): number {
    const [lowest, highest] = this.#versions.get(api.key) ?? [0, -1];
    const version = Math.min(highest, api.versions[1], limit);
    if (version >= lowest && version >= floor) return version;
    const theirs = highest < 0 ? "does not know it" : `speaks ${lowest} to ${highest}`;
    const ours = `${floor} to ${Math.min(limit, api.versions[1])}`;
    const message = `${api.name}: broker ${this.address} ${theirs}, this client needs ${ours}: upgrade the broker`;
    throw new OncillaError("UNSUPPORTED_VERSION", message, { fatal: true });
  }

  /** Resolves with the answer. Rejects with DISCONNECTED when there is none: whether the request took effect is unknown. */
  send<A extends Api>(
    api: A,
    version: number,
    body: RequestBody<A>,
    timeoutMs: number = this.#options.requestTimeoutMs,
  ): Promise<ResponseOf<A>> {
    const decode = (reader: Reader): ResponseOf<A> => readResponseAfterCorrelationId(api, version, reader);
    return this.#request(api, version, body, timeoutMs, decode);
  }

  /** Sends a request that is never answered (Produce with acks 0). Resolves once the operating system has taken it, and rejects as
   * `send` does. */
  sendOneWay<A extends Api>(
    api: A,
    version: number,
    body: RequestBody<A>,
    timeoutMs: number = this.#options.requestTimeoutMs,
  ): Promise<void> {
    return this.#request(api, version, body, timeoutMs);
  }

  /** Ends the connection now. Open requests reject with `reason`. */
  close(reason: OncillaError): void {
    this.#shutDown(reason);
  }

  #request<A extends Api, R>(
    api: A,
    version: number,
    body: RequestBody<A>,
    timeoutMs: number,
    decode?: (reader: Reader, frame: Buffer) => R,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closed);
        return;
      }
      const now = this.#options.platform.clock.monotonic();
      const deadline = Math.max(now, this.#throttledUntil) + timeoutMs;
      const correlationId = this.#takeCorrelationId();
      const frame = this.#encode(api, version, body, correlationId);
      const request: PendingRequest = {
        what: api.name,
        timeoutMs,
        deadline,
        decode,
        resolve: resolve as never,
        reject,
      };
      this.#pending.set(correlationId, request);
      this.#deadlines.setBy(deadline);
      const onSent = (): void => {
        if (this.#pending.delete(correlationId)) request.resolve(undefined);
      };
      // The network queues without bound, but callers bound their requests: what is queued is what they hold anyway.
      this.#connection.write(frame, decode ? undefined : onSent);
    });
  }

  #takeCorrelationId(): number {
    const correlationId = this.#nextCorrelationId;
    this.#nextCorrelationId = correlationId === CORRELATION_ID_LIMIT ? 0 : correlationId + 1;
    return correlationId;
  }

  #encode<A extends Api>(api: A, version: number, body: RequestBody<A>, correlationId: number): Uint8Array[] {
    return encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, body);
  }

  #receivedChunk(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#frames.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#shutDown(disconnected(`broker ${this.address} sent bytes that are not Kafka's protocol`, error));
    }
  }

  #received(frame: Buffer): void {
    const reader = new Reader(frame);
    const correlationId = reader.int32();
    const request = this.#pending.get(correlationId);
    if (!request?.decode) throw new ProtocolError(`an answer to request ${correlationId}, which is not open`);
    this.#pending.delete(correlationId);
    let response: unknown;
    try {
      response = request.decode(reader, frame);
    } catch (error) {
      request.reject(disconnected(`${request.what}: broker ${this.address} sent an answer that cannot be read`, error));
      throw error;
    }
    this.#noteThrottling(response);
    request.resolve(response);
  }

  /** All responses that can tell of it have the field. */
  #noteThrottling(response: unknown): void {
    const { throttleTimeMs = 0 } = response as { readonly throttleTimeMs?: number };
    if (throttleTimeMs <= 0) return;
    this.#throttledUntil = Math.max(this.#throttledUntil, this.#options.platform.clock.monotonic() + throttleTimeMs);
    for (const request of this.#pending.values()) {
      request.deadline = Math.max(request.deadline, this.#throttledUntil + request.timeoutMs);
    }
  }

  #checkDeadlines(): void {
    const now = this.#options.platform.clock.monotonic();
    let earliest = Number.POSITIVE_INFINITY;
    for (const request of this.#pending.values()) {
      if (request.deadline <= now) {
        // What follows on this connection waits behind the missing answer: give it up.
        const did = request.decode ? "answer" : "take it";
        this.#shutDown(disconnected(`${request.what}: broker ${this.address} did not ${did} in time`));
        return;
      }
      earliest = Math.min(earliest, request.deadline);
    }
    this.#deadlines.setBy(earliest);
  }

  #shutDown(reason: OncillaError): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#deadlines.cancel();
    this.#connection.destroy();
    const open = [...this.#pending.values()];
    this.#pending.clear();
    this.#onClosed?.();
    for (const request of open) request.reject(reason);
  }

  /** Asks in the newest version; a broker that does not know it answers in v0 and says what it knows (KIP-511). */
  async #negotiate(version: number = apiVersions.versions[1]): Promise<void> {
    const decode = (reader: Reader, frame: Buffer): ResponseOf<typeof apiVersions> => {
      if (frame.length < reader.position + 2) throw new ProtocolError("an answer without an error code");
      const isUnsupported = frame.readInt16BE(reader.position) === errorCodes.UNSUPPORTED_VERSION;
      return readResponse(apiVersions, isUnsupported ? 0 : version, reader);
    };
    const { connectTimeoutMs } = this.#options;
    const response = await this.#request(apiVersions, version, SOFTWARE, connectTimeoutMs, decode);
    const error = errorName(response.errorCode);
    if (error === "UNSUPPORTED_VERSION" && version > 0) {
      const known = response.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key)?.maxVersion ?? 0;
      return this.#negotiate(Math.min(known, version - 1));
    }
    if (error !== "NONE") {
      const failure = wireError(error, `ApiVersions at broker ${this.address}`);
      this.#shutDown(failure);
      throw failure;
    }
    this.#versions = new Map(response.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]]));
    this.features = new Map(response.finalizedFeatures.map((feature) => [feature.name, feature.maxVersionLevel]));
    this.featuresEpoch = response.finalizedFeaturesEpoch;
  }
}

function disconnected(message: string, cause?: unknown): OncillaError {
  const detail = cause instanceof Error ? ` (${cause.message})` : "";
  return new OncillaError("DISCONNECTED", message + detail, { cause, retriable: true });
}
