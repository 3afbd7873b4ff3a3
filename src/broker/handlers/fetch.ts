/** Fetch: reads batches, at once or when there are enough of them. */
import type { Timer } from "../../platform/clock.ts";
import { fetch } from "../../protocol/apis/fetch.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Partition } from "../partition.ts";
import type { Handler, Reply, RequestContext } from "../router.ts";
import { FetchReader } from "./fetch-reader.ts";

type FetchRequest = RequestOf<typeof fetch>;
type FetchResponse = ResponseBody<typeof fetch>;

const NO_SESSION = 0;

export function fetchHandler(services: BrokerServices): Handler<typeof fetch> {
  return {
    api: fetch,
    readsInPlace: true,
    handle(request, context, reply) {
      if (request.sessionId !== NO_SESSION) {
        reply(emptyResponse("FETCH_SESSION_ID_NOT_FOUND"));
        return;
      }
      new FetchCall(services, request, context, reply).run();
    },
  };
}

/** A client that asks for a session gets a full answer and no session, which is as good (KIP-227). */
function emptyResponse(error: ErrorName): FetchResponse {
  return { throttleTimeMs: 0, errorCode: errorCodes[error], sessionId: NO_SESSION, responses: [] };
}

/** One request, from the first look to the reply. */
class FetchCall {
  readonly #services: BrokerServices;
  readonly #request: FetchRequest;
  readonly #context: RequestContext;
  readonly #reply: Reply<typeof fetch>;
  readonly #reader: FetchReader;
  #timer: Timer | undefined;
  #watched: readonly Partition[] = [];
  #isLookScheduled = false;
  #isDone = false;

  constructor(services: BrokerServices, request: FetchRequest, context: RequestContext, reply: Reply<typeof fetch>) {
    this.#services = services;
    this.#request = request;
    this.#context = context;
    this.#reply = reply;
    this.#reader = new FetchReader(services, request, context);
  }

  run(): void {
    const { maxWaitMs, topics } = this.#request;
    const isPatient = maxWaitMs > 0 && topics.length > 0;
    const result = this.#reader.read();
    if (!isPatient || result.isEnough) this.#finish(result.response);
    else this.#wait(maxWaitMs);
  }

  #wait(maxWaitMs: number): void {
    const { clock, waitingFetches } = this.#services;
    this.#watched = this.#reader.partitions();
    for (const partition of this.#watched) partition.onAdvance.add(this.#advanced);
    this.#context.peer.onClosed.add(this.#abandon);
    waitingFetches.add(this.#giveUp);
    this.#timer = clock.setTimer(maxWaitMs, this.#giveUp);
  }

  /** One look for all that happens in a turn of the event loop. */
  readonly #advanced = (): void => {
    if (this.#isLookScheduled) return;
    this.#isLookScheduled = true;
    this.#services.clock.setImmediate(() => {
      this.#isLookScheduled = false;
      if (this.#isDone || !this.#reader.hasNews()) return;
      const result = this.#reader.read();
      if (result.isEnough) this.#finish(result.response);
    });
  };

  /** Answers with what there is. */
  readonly #giveUp = (): void => this.#finish(this.#reader.read().response);

  readonly #abandon = (): void => {
    this.#isDone = true;
    this.#timer?.cancel();
    for (const partition of this.#watched) partition.onAdvance.delete(this.#advanced);
    this.#context.peer.onClosed.delete(this.#abandon);
    this.#services.waitingFetches.delete(this.#giveUp);
  };

  #finish(response: FetchResponse): void {
    if (this.#timer) this.#abandon();
    this.#isDone = true;
    this.#reply(response);
  }
}
