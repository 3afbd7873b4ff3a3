/**
 * Fetches ahead of the reader, within a bound of bytes fetched and not read. One request to each broker asks for all partitions
 * and may wait there for records; a partition that has to be asked about meanwhile (after a seek, say) goes with a second one,
 * which does not wait.
 */
import type { Clock } from "../../platform/clock.ts";
import { fetch } from "../../protocol/apis/fetch.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorName, isRetriable } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import { OffsetOutOfRangeError, OncillaError, wireError } from "../errors.ts";
import { Alarm } from "../network/alarm.ts";
import { backoffMs } from "../network/backoff.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Lane } from "../network/lane.ts";
import { isolationCode } from "../network/list-offsets.ts";
import type { ConsumerRecord } from "../types.ts";
import { type AssignedPartition, type Assignment, mayBeTruncated } from "./assignment.ts";
import { FetchSession } from "./fetch-session.ts";
import { FetchedChunk, type Position } from "./fetched-chunk.ts";
import type { ConsumerSettings } from "./options.ts";

/** The first version that names topics by id only. */
const FIRST_VERSION_BY_ID = 13;

type PartitionAnswer = ResponseOf<typeof fetch>["responses"][number]["partitions"][number];

/** One partition of a fetch that is on its way. */
interface Asked {
  readonly topic: string;
  readonly partition: number;
  readonly assigned: AssignedPartition;
  readonly version: number;
  readonly position: Position;
  /** Of the leader that is asked. */
  readonly leaderEpoch: number;
}

interface NodeState {
  /** Of the requests that wait. */
  readonly session: FetchSession;
  /** The request that waits for records. */
  isWaiting: boolean;
  /** The other one. */
  isLooking: boolean;
  failures: number;
  /** Not to be tried before. */
  tryAt: number;
}

/** Apart, since a broker answers the requests of one connection one after the other. */
export interface FetchLanes {
  readonly waiting: Lane;
  readonly looking: Lane;
}

export class Fetcher {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #lanes: FetchLanes;
  readonly #assignment: Assignment;
  readonly #settings: ConsumerSettings;
  readonly #onChange: () => void;
  readonly #nodes = new Map<number, NodeState>();
  readonly #alarm: Alarm;
  #turn = 0;
  #failure: { readonly error: OncillaError; readonly asked: readonly Asked[] } | undefined;
  #isClosed = false;

  /** `onChange`: records may have come, or an error. */
  constructor(
    cluster: Cluster,
    lanes: FetchLanes,
    assignment: Assignment,
    settings: ConsumerSettings,
    onChange: () => void,
  ) {
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#lanes = lanes;
    this.#assignment = assignment;
    this.#settings = settings;
    this.#onChange = onChange;
    this.#alarm = new Alarm(this.#clock, () => this.pump());
  }

  /** The next records, up to `limit`, of partitions that are not paused. Throws what went wrong when there are none. */
  take(limit: number): ConsumerRecord[] {
    const records: ConsumerRecord[] = [];
    try {
      for (const partition of this.#inTurn()) {
        if (records.length >= limit) break;
        if (!partition.isPaused) partition.take(records, limit);
      }
    } catch (error) {
      // What was read before the damage goes out first; the damage is found again.
      if (records.length === 0) throw error;
    }
    const failure = this.#failure;
    if (records.length > 0 || !failure) return records;
    this.#failure = undefined;
    // Else the caller has left these positions meanwhile.
    if (failure.asked.some((each) => this.#isCurrent(each))) throw failure.error;
    return records;
  }

  #isCurrent({ assigned, version }: Asked): boolean {
    return this.#assignment.has(assigned) && assigned.version === version;
  }

  /** All partitions, each time beginning with another, so that a busy one does not hold up the rest. */
  #inTurn(): AssignedPartition[] {
    const all = [...this.#assignment];
    const first = all.length === 0 ? 0 : this.#turn++ % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  }

  /** Sends the fetches that are possible now. */
  pump(): void {
    if (this.#isClosed) return;
    this.#assignment.follow(this.#cluster.metadata);
    const now = this.#clock.monotonic();
    const byLeader = new Map<number, Asked[]>();
    const leaderless = new Set<string>();
    let roomBytes = this.#settings.fetchMaxBytes;
    for (const partition of this.#assignment) roomBytes -= partition.bufferedBytes;
    for (const partition of this.#assignment) {
      const asked = this.#ask(partition, now, roomBytes);
      if (!asked) continue;
      const leader = this.#cluster.metadata.leaderOf(partition.topic, partition.partition);
      if (leader === undefined) leaderless.add(partition.topic);
      else {
        const others = byLeader.get(leader);
        if (others) others.push(asked);
        else byLeader.set(leader, [asked]);
      }
    }
    if (leaderless.size > 0) this.#cluster.requestRefresh(leaderless);
    for (const [nodeId, asked] of byLeader) this.#fetchFrom(nodeId, asked, now);
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm.cancel();
  }

  #ask(partition: AssignedPartition, now: number, roomBytes: number): Asked | undefined {
    const position = partition.fetchPosition;
    if (!position || partition.isPaused || partition.isFetching || partition.isBroken) return undefined;
    if (mayBeTruncated(partition, this.#cluster.metadata)) return undefined;
    if (partition.askAt > now) {
      this.#alarm.setBy(partition.askAt);
      return undefined;
    }
    // One fetch ahead of what is being read.
    const buffered = partition.bufferedBytes;
    if (buffered > 0 && (buffered >= this.#settings.maxPartitionFetchBytes || roomBytes <= 0)) return undefined;
    const { topic, partition: number, version } = partition;
    const leaderEpoch = this.#cluster.metadata.leaderEpochOf(partition);
    return { topic, partition: number, assigned: partition, version, position, leaderEpoch };
  }

  #fetchFrom(nodeId: number, asked: readonly Asked[], now: number): void {
    let node = this.#nodes.get(nodeId);
    if (!node) {
      node = {
        session: new FetchSession(),
        isWaiting: false,
        isLooking: false,
        failures: 0,
        tryAt: Number.NEGATIVE_INFINITY,
      };
      this.#nodes.set(nodeId, node);
    }
    if (node.tryAt > now) this.#alarm.setBy(node.tryAt);
    else if (!node.isWaiting) this.#wait(nodeId, node, asked);
    else if (!node.isLooking) this.#look(nodeId, node, asked);
  }

  #wait(nodeId: number, node: NodeState, asked: readonly Asked[]): void {
    node.isWaiting = true;
    for (const { assigned } of asked) assigned.isQuiet = false;
    const settled = (): void => {
      node.isWaiting = false;
    };
    this.#fetch(node, asked, this.#waitFor(nodeId, node.session, asked), settled);
  }

  async #waitFor(
    nodeId: number,
    session: FetchSession,
    asked: readonly Asked[],
  ): Promise<(PartitionAnswer | undefined)[]> {
    try {
      return await this.#exchange(nodeId, asked, this.#lanes.waiting, this.#settings.fetchMaxWaitMs, session);
    } catch (error) {
      session.lost();
      throw error;
    }
  }

  /** What had nothing at the last look waits with the others the next time. */
  #look(nodeId: number, node: NodeState, all: readonly Asked[]): void {
    const asked = all.filter(({ assigned }) => !assigned.isQuiet);
    if (asked.length === 0) return;
    node.isLooking = true;
    const settled = (): void => {
      node.isLooking = false;
      for (const { assigned } of asked) assigned.isQuiet = assigned.bufferedBytes === 0;
    };
    this.#fetch(node, asked, this.#exchange(nodeId, asked, this.#lanes.looking, 0), settled);
  }

  #fetch(
    node: NodeState,
    asked: readonly Asked[],
    exchange: Promise<(PartitionAnswer | undefined)[]>,
    settled: () => void,
  ): void {
    for (const { assigned } of asked) assigned.isFetching = true;
    exchange.then(
      (answers) => this.#answered(node, asked, answers, settled),
      (error: unknown) => this.#failed(node, asked, error, settled),
    );
  }

  /** What the broker answers about each partition, in the order of `asked`; nothing where a session has no news. */
  async #exchange(
    nodeId: number,
    asked: readonly Asked[],
    lane: Lane,
    maxWaitMs: number,
    session?: FetchSession,
  ): Promise<(PartitionAnswer | undefined)[]> {
    const { fetchMinBytes, fetchMaxBytes, maxPartitionFetchBytes, isolationLevel } = this.#settings;
    const { metadata, options } = this.#cluster;
    const connection = lane.connected(nodeId) ?? (await lane.connect(nodeId));
    const topics = groupByTopic(asked).map(({ topic, items }) => ({
      topic,
      topicId: metadata.topic(topic)?.topicId ?? ZERO_UUID,
      partitions: items.map(({ partition, position, leaderEpoch }) => ({
        partition,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset: position.offset,
        partitionMaxBytes: maxPartitionFetchBytes,
      })),
    }));
    const hasIds = topics.every(({ topicId }) => topicId !== ZERO_UUID);
    const version = connection.versionOf(fetch, hasIds ? fetch.versions[1] : FIRST_VERSION_BY_ID - 1);
    const body = {
      maxWaitMs,
      minBytes: fetchMinBytes,
      maxBytes: fetchMaxBytes,
      isolationLevel: isolationCode(isolationLevel),
      ...(session?.ask(topics, version >= FIRST_VERSION_BY_ID) ?? { topics }),
      // With one a leader may send the consumer to a replica (KIP-392), instead of records.
      rackId: "",
    };
    const timeoutMs = options.requestTimeoutMs + maxWaitMs;
    const response = await lane.request(nodeId, fetch, body, { maxVersion: version, timeoutMs });
    const error = errorName(response.errorCode);
    // The next request begins a new one, at once.
    if (session?.answered(error, response.sessionId) === false) return asked.map(() => undefined);
    if (error !== "NONE") throw wireError(error, `fetch from broker ${nodeId}`);
    for (const broker of response.nodeEndpoints) metadata.learnBroker(broker);
    const names = new Map(topics.map(({ topic, topicId }) => [topicId, topic]));
    const answers = new Map<string | undefined, Map<number, PartitionAnswer>>();
    for (const { topic, topicId, partitions } of response.responses) {
      const name = topicId === ZERO_UUID ? topic : names.get(topicId);
      // A topic may come in several parts.
      const ofTopic = answers.get(name) ?? new Map<number, PartitionAnswer>();
      for (const answer of partitions) ofTopic.set(answer.partitionIndex, answer);
      answers.set(name, ofTopic);
    }
    return asked.map(({ topic, partition }) => answers.get(topic)?.get(partition));
  }

  #answered(
    node: NodeState,
    asked: readonly Asked[],
    answers: readonly (PartitionAnswer | undefined)[],
    settled: () => void,
  ): void {
    node.failures = 0;
    if (this.#isClosed) return;
    try {
      asked.forEach((each, i) => {
        const answer = answers[i];
        if (release(each) && answer && this.#assignment.has(each.assigned)) this.#take(each, answer);
      });
    } finally {
      settled();
    }
    this.pump();
    this.#onChange();
  }

  #failed(node: NodeState, asked: readonly Asked[], error: unknown, settled: () => void): void {
    if (!(error instanceof OncillaError)) throw error;
    for (const each of asked) release(each);
    settled();
    if (this.#isClosed) return;
    node.failures++;
    node.tryAt = this.#clock.monotonic() + this.#backoff(node.failures);
    this.#cluster.options.logger.log("warn", "a fetch failed", { error: error.message });
    if (!error.retriable) this.#raise(error, asked);
    this.#cluster.requestRefresh(new Set(asked.map(({ topic }) => topic)));
    this.pump();
  }

  #take(asked: Asked, answer: PartitionAnswer): void {
    const error = errorName(answer.errorCode);
    if (error !== "NONE") {
      this.#handleError(asked, answer, error);
      return;
    }
    const { topic, partition, assigned, position } = asked;
    // A leader that was deposed meanwhile: what it had need not be what the next one has.
    if (asked.leaderEpoch < assigned.validatedEpoch) return;
    assigned.highWatermark = answer.highWatermark;
    assigned.validatedEpoch = asked.leaderEpoch;
    const { records } = answer;
    if (!records || records.length === 0) return;
    const isFiltered = this.#settings.isolationLevel === "read_committed";
    assigned.add(
      new FetchedChunk({
        topic,
        partition,
        records,
        start: position,
        aborted: isFiltered ? (answer.abortedTransactions ?? []) : undefined,
        checkCrcs: this.#settings.checkCrcs,
        onMarker: this.#settings.onMarker,
        deserialize: this.#settings.deserialize,
      }),
    );
  }

  #handleError(asked: Asked, answer: PartitionAnswer, error: ErrorName): void {
    if (error === "OFFSET_OUT_OF_RANGE") {
      this.#leaveRange(asked);
      return;
    }
    const { assigned, topic, partition } = asked;
    assigned.askAt = this.#clock.monotonic() + this.#backoff(1);
    const { leaderId, leaderEpoch } = answer.currentLeader;
    this.#cluster.metadata.updateLeader(topic, partition, leaderId, leaderEpoch);
    if (!isRetriable(error) || error === "CORRUPT_MESSAGE")
      this.#raise(wireError(error, `fetch of ${assigned.name}`), [asked]);
    else this.#cluster.requestRefresh([topic]);
  }

  /** The position is not in the log (any more). What was fetched before it is still handed out first. */
  #leaveRange(asked: Asked): void {
    const { autoOffsetReset } = this.#settings;
    const { assigned, topic, partition, position } = asked;
    assigned.askAt = this.#clock.monotonic() + this.#backoff(1);
    if (assigned.position?.offset !== position.offset) return;
    if (autoOffsetReset === "none") {
      this.#raise(new OffsetOutOfRangeError(topic, partition, position.offset), [asked]);
      return;
    }
    const fields = { partition: assigned.name, offset: position.offset, autoOffsetReset };
    this.#cluster.options.logger.log("warn", "the position is not in the log: starting over", fields);
    assigned.restart(autoOffsetReset === "earliest" ? "beginning" : "end");
  }

  #raise(error: OncillaError, asked: readonly Asked[]): void {
    this.#failure ??= { error, asked };
    this.#onChange();
  }

  #backoff(failures: number): number {
    return backoffMs(this.#cluster.platform.random, this.#cluster.options.backoff, failures);
  }
}

/** The request that asked is over. False when the partition has moved elsewhere since: the answer is void. */
function release({ assigned, version }: Asked): boolean {
  if (assigned.version !== version) return false;
  assigned.isFetching = false;
  return true;
}
