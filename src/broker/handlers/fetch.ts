/** Fetch: reads batches, at once or when there are enough of them. */
import type { Timer } from "../../platform/clock.ts";
import { free } from "../../platform/memory.ts";
import { fetch } from "../../protocol/apis/fetch.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Partition } from "../partition.ts";
import type { Handler, Reply, RequestContext } from "../router.ts";
import type { FetchContext, FetchRequest, FetchTarget } from "./fetch-context.ts";
import { FetchReader, type FetchResult } from "./fetch-reader.ts";
import { sessionError } from "./fetch-sessions.ts";

export function fetchHandler(services: BrokerServices): Handler<typeof fetch> {
  return {
    api: fetch,
    readsInPlace: true,
    handle(request, context, reply) {
      const opened = services.fetchSessions.open(request, context.apiVersion);
      if (typeof opened === "string") reply(sessionError(opened));
      else new FetchCall(services, request, opened, context, reply).run();
    },
  };
}

/** One request, from the first look to the reply. */
class FetchCall {
  readonly #services: BrokerServices;
  readonly #request: FetchRequest;
  readonly #fetchContext: FetchContext;
  readonly #context: RequestContext;
  readonly #reply: Reply<typeof fetch>;
  readonly #reader: FetchReader;
  #timer: Timer | undefined;
  #watched: readonly Partition[] = [];
  #isLookScheduled = false;
  #isDone = false;

  constructor(
    services: BrokerServices,
    request: FetchRequest,
    fetchContext: FetchContext,
    context: RequestContext,
    reply: Reply<typeof fetch>,
  ) {
    this.#services = services;
    this.#request = request;
    this.#fetchContext = fetchContext;
    this.#context = context;
    this.#reply = reply;
    this.#reader = new FetchReader(services, request, fetchContext.targets, context);
  }

  run(): void {
    const { maxWaitMs } = this.#request;
    const isPatient = maxWaitMs > 0 && this.#fetchContext.targets.length > 0;
    const result = this.#reader.read();
    if (!isPatient || result.isEnough) this.#finish(result);
    else {
      freeRecords(result);
      this.#wait(maxWaitMs);
    }
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
      if (result.isEnough) this.#finish(result);
      else freeRecords(result);
    });
  };

  /** Answers with what there is. */
  readonly #giveUp = (): void => this.#finish(this.#reader.read());

  readonly #abandon = (): void => {
    this.#isDone = true;
    this.#timer?.cancel();
    for (const partition of this.#watched) partition.onAdvance.delete(this.#advanced);
    this.#context.peer.onClosed.delete(this.#abandon);
    this.#services.waitingFetches.delete(this.#giveUp);
  };

  #finish(result: FetchResult): void {
    const { read, late, bytes } = result;
    if (this.#timer) this.#abandon();
    this.#isDone = true;
    const throttleTimeMs = this.#services.quotas.fetched(this.#context.clientId, bytes);
    if (throttleTimeMs > 0) {
      freeRecords(result);
      this.#reply(this.#fetchContext.throttle(throttleTimeMs));
      return;
    }
    this.#count(read);
    this.#reply(this.#fetchContext.respond(read), { late, onSent: () => freeRecords(result) });
  }

  #count(read: FetchResult["read"]): void {
    const { metrics, image } = this.#services;
    for (let i = 0; i < read.length; i++) {
      const response = read[i];
      if (!response) continue;
      const { records, errorCode } = response;
      if (!records?.length && errorCode === errorCodes.NONE) continue;
      const { topic, topicId } = this.#fetchContext.targets[i] as FetchTarget;
      const name = (image.topicById(topicId) ?? image.topic(topic))?.name;
      if (errorCode !== errorCodes.NONE) metrics.topics.fetchFailed(name);
      else if (name !== undefined && records) metrics.topics.fetched(name, records.length);
    }
  }
}

/** What was read is the request's own. */
function freeRecords({ read }: FetchResult): void {
  for (const partition of read) if (partition?.records) free(partition.records);
}
