/**
 * Fetch sessions (KIP-227): the broker remembers which partitions a client fetches and what it knows of them. Further
 * requests name only partitions that changed for the client, responses those that changed for the broker. Each request of
 * a session has the next epoch, so that one which comes twice, or out of order, is told from the one that is due.
 */
import { assert } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Random, randomInt } from "../../platform/random.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import {
  type FetchContext,
  type FetchRequest,
  type FetchResponse,
  type FetchTarget,
  fetchResponse,
  NO_SESSION,
  type PartitionRead,
  type PartitionResponse,
  type PartitionState,
  SessionlessContext,
  targetsOf,
} from "./fetch-context.ts";

/** Asks for all, and for a session. */
const INITIAL_EPOCH = 0;
/** Asks for all, and for no session. */
const FINAL_EPOCH = -1;
const LAST_EPOCH = 2 ** 31 - 1;
/** The first version with topics by id. */
const TOPIC_ID_VERSION = 13;
/** Not used for so long, a session makes room for any other; made so long ago, for one that is larger. */
const EVICTION_MS = 120_000;
/** About what a partition takes up, but for its topic's name, of which clients may ask for ones that no topic has. */
const PARTITION_BYTES = 250;
const MAX_BYTES = 128 * 1024 * 1024;
const UNKNOWN_OFFSET = -1;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type SessionPartition = Mutable<FetchTarget> & { told: PartitionState };

class FetchSession {
  readonly id: number;
  readonly isById: boolean;
  readonly createdMs: number;
  lastUsedMs: number;
  /** Of the request that is due. */
  epoch: number = nextEpoch(INITIAL_EPOCH);
  /** By name or id of the topic, then by index. */
  readonly #byTopic = new Map<string, Map<number, SessionPartition>>();
  /** In the order in which they are read: one that had records goes to the end, so that large ones starve nobody. */
  readonly #inOrder = new Set<SessionPartition>();
  #sizeBytes = 0;

  constructor(id: number, isById: boolean, nowMs: number) {
    this.id = id;
    this.isById = isById;
    this.createdMs = nowMs;
    this.lastUsedMs = nowMs;
  }

  get partitionCount(): number {
    return this.#inOrder.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  partitions(): SessionPartition[] {
    return [...this.#inOrder];
  }

  put(target: FetchTarget, told?: PartitionRead): void {
    const topic = this.#keyOf(target);
    const siblings = this.#byTopic.get(topic);
    const present = siblings?.get(target.partition);
    if (present) {
      Object.assign(present, target);
      return;
    }
    const added = { ...target, told: stateOf(told) };
    if (siblings) siblings.set(target.partition, added);
    else this.#byTopic.set(topic, new Map([[target.partition, added]]));
    this.#inOrder.add(added);
    this.#sizeBytes += sizeOf(added);
  }

  forget(topic: { readonly topic: string; readonly topicId: string }, partition: number): void {
    const siblings = this.#byTopic.get(this.#keyOf(topic));
    const present = siblings?.get(partition);
    if (!siblings || !present) return;
    siblings.delete(partition);
    if (siblings.size === 0) this.#byTopic.delete(this.#keyOf(topic));
    this.#inOrder.delete(present);
    this.#sizeBytes -= sizeOf(present);
  }

  /** Whether the client has to be told; then it is taken to know. */
  tell(partition: SessionPartition, response: PartitionResponse): boolean {
    const { told } = partition;
    const state = stateOf(response);
    const hasRecords = (response.records?.length ?? 0) > 0;
    const isNews =
      hasRecords ||
      response.errorCode !== errorCodes.NONE ||
      response.divergingEpoch !== undefined ||
      told.highWatermark !== state.highWatermark ||
      told.logStartOffset !== state.logStartOffset;
    partition.told = state;
    if (hasRecords) {
      this.#inOrder.delete(partition);
      this.#inOrder.add(partition);
    }
    return isNews;
  }

  #keyOf({ topic, topicId }: { readonly topic: string; readonly topicId: string }): string {
    return this.isById ? topicId : topic;
  }
}

export class FetchSessions {
  readonly #maxSessions: number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The one that was not used for the longest time comes first. */
  readonly #byId = new Map<number, FetchSession>();
  #sizeBytes = 0;

  constructor(options: { readonly maxSessions: number; readonly clock: Clock; readonly random: Random }) {
    this.#maxSessions = options.maxSessions;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  get count(): number {
    return this.#byId.size;
  }

  /** What a request asks for, or why its session cannot be gone on with; the client begins a new one then. */
  open(request: FetchRequest, apiVersion: number): FetchContext | ErrorName {
    const { sessionId, sessionEpoch } = request;
    const isById = apiVersion >= TOPIC_ID_VERSION;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.#remove(this.#byId.get(sessionId));
      const targets = targetsOf(request);
      return sessionEpoch === FINAL_EPOCH ? new SessionlessContext(targets) : new FullContext(this, targets, isById);
    }
    const session = this.#byId.get(sessionId);
    if (!session) return "FETCH_SESSION_ID_NOT_FOUND";
    if (session.epoch !== sessionEpoch) return "INVALID_FETCH_SESSION_EPOCH";
    if (session.isById !== isById) return "FETCH_SESSION_TOPIC_ID_ERROR";
    return this.#goOn(session, request);
  }

  /** The id of a new session, or NO_SESSION when there is no room for one. */
  create(targets: readonly FetchTarget[], told: readonly PartitionRead[], isById: boolean): number {
    const now = this.#clock.monotonic();
    const session = new FetchSession(this.#newId(), isById, now);
    targets.forEach((target, i) => {
      session.put(target, told[i]);
    });
    while (this.#lacksRoom(session)) {
      const evicted = this.#evictableFor(session, now);
      if (!evicted) return NO_SESSION;
      this.#remove(evicted);
    }
    this.#byId.set(session.id, session);
    this.#sizeBytes += session.sizeBytes;
    return session.id;
  }

  #goOn(session: FetchSession, request: FetchRequest): FetchContext | ErrorName {
    // Out, and in again as the last one used, with its new size.
    this.#remove(session);
    const targets = targetsOf(request);
    for (const target of targets) session.put(target);
    for (const topic of request.forgottenTopicsData) {
      for (const partition of topic.partitions) session.forget(topic, partition);
    }
    if (session.partitionCount === 0) return new SessionlessContext(targets);
    if (this.#sizeBytes + session.sizeBytes > MAX_BYTES) return "FETCH_SESSION_ID_NOT_FOUND";
    session.lastUsedMs = this.#clock.monotonic();
    session.epoch = nextEpoch(session.epoch);
    this.#byId.set(session.id, session);
    this.#sizeBytes += session.sizeBytes;
    return new IncrementalContext(session);
  }

  #remove(session: FetchSession | undefined): void {
    if (!session || !this.#byId.delete(session.id)) return;
    this.#sizeBytes -= session.sizeBytes;
    assert(this.#sizeBytes >= 0);
  }

  #lacksRoom({ sizeBytes }: FetchSession): boolean {
    return this.#byId.size >= this.#maxSessions || this.#sizeBytes + sizeBytes > MAX_BYTES;
  }

  /** A session that nobody seems to use; or the smallest of those that had their time, if it is smaller. */
  #evictableFor(session: FetchSession, nowMs: number): FetchSession | undefined {
    let smallest: FetchSession | undefined;
    for (const candidate of this.#byId.values()) {
      if (nowMs - candidate.lastUsedMs > EVICTION_MS) return candidate;
      if (nowMs - candidate.createdMs <= EVICTION_MS) continue;
      if (!smallest || candidate.partitionCount < smallest.partitionCount) smallest = candidate;
    }
    return smallest && smallest.partitionCount < session.partitionCount ? smallest : undefined;
  }

  #newId(): number {
    for (;;) {
      const id = 1 + randomInt(this.#random, LAST_EPOCH);
      if (!this.#byId.has(id)) return id;
    }
  }
}

/** Asks for all; gets a session where there is room. */
class FullContext implements FetchContext {
  readonly targets: readonly FetchTarget[];
  readonly #sessions: FetchSessions;
  readonly #isById: boolean;

  constructor(sessions: FetchSessions, targets: readonly FetchTarget[], isById: boolean) {
    this.#sessions = sessions;
    this.targets = targets;
    this.#isById = isById;
  }

  respond(read: readonly PartitionRead[]): FetchResponse {
    return fetchResponse(this.#sessions.create(this.targets, read, this.#isById), this.targets, read);
  }

  /** Without a session: the client asks for all again. */
  throttle(throttleTimeMs: number): FetchResponse {
    return { ...fetchResponse(NO_SESSION, [], []), throttleTimeMs };
  }
}

/** Asks for all that the session holds; gets what changed. */
class IncrementalContext implements FetchContext {
  readonly targets: readonly SessionPartition[];
  readonly #session: FetchSession;
  readonly #nextEpoch: number;

  constructor(session: FetchSession) {
    this.targets = session.partitions();
    this.#session = session;
    this.#nextEpoch = session.epoch;
  }

  respond(read: readonly PartitionRead[]): FetchResponse {
    const { id } = this.#session;
    if (this.#isOvertaken) return sessionError("INVALID_FETCH_SESSION_EPOCH", id);
    const told: SessionPartition[] = [];
    const responses: PartitionResponse[] = [];
    for (let i = 0; i < read.length; i++) {
      const partition = this.targets[i];
      const response = read[i];
      if (!partition || !response || !this.#session.tell(partition, response)) continue;
      told.push(partition);
      responses.push(response);
    }
    return fetchResponse(id, told, responses);
  }

  throttle(throttleTimeMs: number): FetchResponse {
    const { id } = this.#session;
    const response = this.#isOvertaken ? sessionError("INVALID_FETCH_SESSION_EPOCH", id) : fetchResponse(id, [], []);
    return { ...response, throttleTimeMs };
  }

  /** While this one waited, the same request came again, or the next one. */
  get #isOvertaken(): boolean {
    return this.#session.epoch !== this.#nextEpoch;
  }
}

export function sessionError(error: ErrorName, sessionId: number = NO_SESSION): FetchResponse {
  return { throttleTimeMs: 0, errorCode: errorCodes[error], sessionId, responses: [] };
}

function nextEpoch(epoch: number): number {
  return epoch === LAST_EPOCH ? 1 : epoch + 1;
}

/** With an error both are unknown, so that its end is told too. */
function stateOf(response: PartitionRead): PartitionState {
  const { highWatermark = UNKNOWN_OFFSET, logStartOffset = UNKNOWN_OFFSET } = response ?? {};
  return { highWatermark, logStartOffset };
}

function sizeOf({ topic }: FetchTarget): number {
  return PARTITION_BYTES + topic.length;
}
