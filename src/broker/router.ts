/** From a frame to the handler of its API, and from the handler's response to a frame. */
import type { Clock } from "../platform/clock.ts";
import { apiVersions } from "../protocol/apis/api-versions.ts";
import { readRequest } from "../protocol/codec.ts";
import { encodeResponse, type RequestHeader, readRequestHeader, skipTagged } from "../protocol/frame.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import { type Api, isFlexible, type RequestOf, type ResponseBody } from "../protocol/schema.ts";
import type { Peer, RequestDispatcher, Sending } from "./connection.ts";
import type { RequestMetrics } from "./metrics/request-metrics.ts";

/** Who asks, and how. */
export interface RequestContext {
  readonly apiVersion: number;
  readonly clientId: string;
  /** Of the whole request. */
  readonly sizeBytes: number;
  /** As Kafka shows it: "/127.0.0.1". */
  readonly clientHost: string;
  readonly peer: Peer;
}

/** Called once. Without a response nothing is sent: only Produce with acks=0 is answered so. When the response says that
 * the client is throttled, no further request of its connection is taken for that time. `sending`: see RequestDispatcher. */
export type Reply<A extends Api> = (response?: ResponseBody<A>, sending?: Sending) => void;

/** Serves one API in all its versions. */
export interface Handler<A extends Api> {
  readonly api: A;
  /** Set when the handler is done with the request's byte fields before it returns: they are views of the network's
   * buffer then. Without it the frame is copied first. */
  readonly readsInPlace?: boolean;
  /** Whether ApiVersions tells of it; by default it does. */
  readonly isAdvertised?: boolean;
  /** Set where a reply may be large and comes after the call: the connection's next request waits for it, as in Apache Kafka for any
   * reply. Those of a thousand requests that came together would be without bound. */
  readonly holdsNext?: boolean;
  /** Replies during the call or later. A rejected promise, like a thrown error, ends the connection. */
  handle(request: RequestOf<A>, context: RequestContext, reply: Reply<A>): void | Promise<void>;
}

/** The handler of some API. The router gives it what that API's schema read, and writes its response by that schema:
 * the types that belong together are lost here alone. */
export interface AnyHandler {
  readonly api: Api;
  readonly readsInPlace?: boolean;
  readonly isAdvertised?: boolean;
  readonly holdsNext?: boolean;
  handle(request: never, context: RequestContext, reply: never): void | Promise<void>;
}

/** Measures the time that requests take, where that is limited. */
export interface RequestQuotas {
  startWork(clientId: string): Work | undefined;
}

export interface Work {
  /** The request waits for something else. */
  pause(): void;
  /** For how long the client has to wait, ms. */
  end(): number;
  /** Sending the answer took so long: the next request pays for it. */
  sent(elapsedMs: number): void;
}

/** All responses that can say so have the field. */
type ThrottledResponse = ResponseBody<Api> & { readonly throttleTimeMs?: number };

/** Routes requests to handlers. An API without a handler, or a version beyond its range, cannot be answered: nothing
 * says how its response would look. As in Kafka, the connection ends; but an ApiVersions of an unknown version gets
 * `unknownVersion`, in the shape of v0 (KIP-511). */
export function createRouter(
  handlers: readonly AnyHandler[],
  unknownVersion: ResponseBody<typeof apiVersions>,
  {
    quotas,
    metrics,
    clock,
  }: { readonly quotas: RequestQuotas; readonly metrics: RequestMetrics; readonly clock: Clock },
): RequestDispatcher {
  const routes = new Map(handlers.map((handler) => [handler.api.key, { handler, counts: metrics.of(handler.api) }]));
  return (frame, peer, reply, fail) => {
    const reader = new Reader(frame);
    const header = readRequestHeader(reader);
    const route = routes.get(header.apiKey);
    if (!route) throw new ProtocolError(`the API with the key ${header.apiKey} is not served`);
    const { handler, counts } = route;
    const { api } = handler;
    if (!isServed(api, header.apiVersion)) {
      if (api.key !== apiVersions.key) throw new ProtocolError(`${api.name} has no version ${header.apiVersion}`);
      reply(encodeResponse(apiVersions, 0, header.correlationId, unknownVersion));
      return false;
    }
    const body = handler.readsInPlace ? reader : new Reader(Buffer.from(frame), reader.position);
    if (isFlexible(api, header.apiVersion)) skipTagged(body);
    const request = readRequest(api, header.apiVersion, body);
    const startedMs = clock.monotonic();
    counts.received(header.apiVersion, frame.length);
    const context = contextOf(header, peer, frame.length);
    const work = quotas.startWork(context.clientId);
    const answer: Reply<Api> = (response, sending) => {
      const throttled = response && withThrottleTime(response, work?.end() ?? 0);
      let pieces: readonly Uint8Array[] = [];
      try {
        if (throttled) pieces = encodeResponse(api, header.apiVersion, header.correlationId, throttled);
      } catch (error) {
        // Whoever answers may be in the middle of something else: the end of a sync, which others wait for.
        fail(error);
        return;
      }
      counts.answered(clock.monotonic() - startedMs, pieces);
      const sendingMs = clock.monotonic();
      reply(pieces, sending);
      // What is late is read now.
      if (sending) work?.sent(clock.monotonic() - sendingMs);
      if (throttled?.throttleTimeMs) peer.mute(throttled.throttleTimeMs);
    };
    const pending = handler.handle(request as never, context, answer as never);
    work?.pause();
    if (pending) pending.catch(fail);
    return handler.holdsNext ?? false;
  };
}

function isServed(api: Api, version: number): boolean {
  return version >= api.versions[0] && version <= api.versions[1];
}

/** The longer of the times for which a client has to wait. */
function withThrottleTime(response: ThrottledResponse, throttleTimeMs: number): ThrottledResponse {
  return (response.throttleTimeMs ?? 0) >= throttleTimeMs ? response : { ...response, throttleTimeMs };
}

function contextOf(header: RequestHeader, peer: Peer, sizeBytes: number): RequestContext {
  const { address } = peer;
  return {
    apiVersion: header.apiVersion,
    clientId: header.clientId ?? "",
    sizeBytes,
    clientHost: `/${address.slice(0, address.lastIndexOf(":"))}`,
    peer,
  };
}
