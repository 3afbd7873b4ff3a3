/**
 * A consumer's membership by the consumer protocol (KIP-848): heartbeats say what the member reads and has, their answers
 * what it should have. It gives up what it should not have in `advance`, says so at once, and is given the rest as others
 * give it up.
 */
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { randomUuid } from "../../platform/random.ts";
import { consumerGroupHeartbeat } from "../../protocol/apis/consumer-group-heartbeat.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { backoffMs } from "../network/backoff.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import type { ConsumerGroupMetadata, TopicPartition } from "../types.ts";
import { without } from "./assignment.ts";
import type { RebalanceProtocol } from "./assignor.ts";
import type { Membership, MembershipEvents } from "./membership.ts";
import type { ConsumerSettings } from "./options.ts";

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** Of a static member that will be back. */
const AWAY_EPOCH = -2;
/** The first version with regular expressions. */
const REGEX_VERSION = 1;
/** How often topics that are assigned and not known are asked for. */
const UNKNOWN_TOPIC_INTERVAL_MS = 100;

/** Errors after which the member has nothing and begins anew. */
const fenced: ReadonlySet<ErrorName> = new Set<ErrorName>([
  "FENCED_MEMBER_EPOCH",
  "UNKNOWN_MEMBER_ID",
  "GROUP_ID_NOT_FOUND",
]);

interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

type HeartbeatRequest = RequestBody<typeof consumerGroupHeartbeat>;
type HeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>;

export class ConsumerProtocolMembership implements Membership {
  /** What stays is kept through a rebalance. */
  readonly protocol: RebalanceProtocol = "cooperative";
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: ConsumerSettings & { readonly groupId: string };
  readonly #coordinator: CoordinatorLink;
  readonly #otherWay: CoordinatorLink;
  readonly #events: MembershipEvents;
  readonly #closing = new AbortController();
  /** Of this consumer, until it leaves its group: what it read before cannot be committed under the next one. */
  #memberId: string;
  #topics: readonly string[] = [];
  /** Empty when there is none any more; null when there never was one. */
  #pattern: string | null = null;
  #epoch = JOIN_EPOCH;
  /** The epoch with which this membership began; joinedAt <= epoch. One that was fenced begins anew at a later epoch. */
  #joinedAt = JOIN_EPOCH;
  /** Grows with each membership that ends. */
  #incarnation = 0;
  /** The last membership, while there is none. */
  #lastGroup: ConsumerGroupMetadata | undefined;
  /** What the coordinator wants the member to have; undefined until it said so. */
  #target: readonly TopicPartitions[] | undefined;
  /** What the member has, as the next heartbeat that says so will have it. */
  #owned: readonly TopicPartitions[] = [];
  /** The next heartbeat says everything: the member joins, or does not know what became of the last one. */
  #saysAll = true;
  #saysOwned = false;
  /** Of the topics in the target: an answer that does not know one of them takes nothing away. */
  #names: ReadonlyMap<string, string> = new Map();
  /** The heartbeat that is under way. */
  #exchanging: Promise<void> | undefined;
  /** Another one is to follow at once. */
  #mustBeat = false;
  #failures = 0;
  #isLost = false;
  #error: OncillaError | undefined;
  #lastPollAt: number;
  #askForUnknownAt = 0;
  #timer: Timer | undefined;

  /** `lane` is for the membership alone; `otherWay` leads to the coordinator on another. */
  constructor(
    cluster: Cluster,
    lane: Lane,
    otherWay: CoordinatorLink,
    settings: ConsumerSettings & { readonly groupId: string },
    events: MembershipEvents,
  ) {
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#logger = cluster.options.logger;
    this.#settings = settings;
    this.#coordinator = new CoordinatorLink(cluster, lane, "group", settings.groupId);
    this.#otherWay = otherWay;
    this.#events = events;
    this.#memberId = this.#newMemberId();
    this.#lastPollAt = this.#clock.monotonic();
  }

  get isMember(): boolean {
    return this.#epoch > JOIN_EPOCH;
  }

  get group(): ConsumerGroupMetadata {
    return this.#lastGroup ?? this.#current;
  }

  get #current(): ConsumerGroupMetadata {
    const { groupId, groupInstanceId } = this.#settings;
    if (!this.isMember) return { groupId, groupInstanceId, generationId: -1, memberId: "" };
    return { groupId, groupInstanceId, generationId: this.#epoch, memberId: this.#memberId };
  }

  latest(group: ConsumerGroupMetadata): ConsumerGroupMetadata | undefined {
    const isSame = this.isMember && group.memberId === this.#memberId && group.generationId >= this.#joinedAt;
    return isSame ? this.#current : undefined;
  }

  /** A commit at an epoch before the present one is refused as stale, and done again at the `latest`. */
  hasNext(): boolean {
    return false;
  }

  setTopics(topics: readonly string[], pattern?: string): void {
    this.#topics = topics;
    if (pattern !== undefined || this.#pattern !== null) this.#pattern = pattern ?? "";
    this.#saysAll = true;
    // The first one waits for a poll.
    if (this.isMember) this.#beatNow();
    else this.#events.onChange();
  }

  /** The heartbeat that says what the member still has does that. */
  requestRejoin(): void {}

  noteLost(group: ConsumerGroupMetadata): void {
    if (group.generationId === this.#epoch && group.memberId === this.#memberId) this.#lose();
  }

  async advance(): Promise<void> {
    this.#lastPollAt = this.#clock.monotonic();
    this.#throwError();
    if (this.#isLost) {
      this.#isLost = false;
      await this.#events.onLost();
    }
    await this.#takeTarget();
    if (!this.isMember && !this.#timer && !this.#exchanging) this.#beatNow();
  }

  async leave(reason: string | undefined): Promise<void> {
    this.#closing.abort(new OncillaError("CLOSED", "the consumer left its group"));
    this.#timer?.cancel();
    const { groupInstanceId } = this.#settings;
    // A join that is under way would make a member that nobody knows of.
    if (!this.isMember) await this.#exchanging;
    if (!this.isMember || (reason === undefined && groupInstanceId === null)) return;
    await this.#sendLeave(reason === undefined ? AWAY_EPOCH : LEAVE_EPOCH);
    this.#forget();
  }

  #throwError(): void {
    const error = this.#error;
    if (!error) return;
    // Fatal errors stay.
    if (!error.fatal) this.#error = undefined;
    throw error;
  }

  /** Takes over what the coordinator wants, as far as the topics are known. */
  async #takeTarget(): Promise<void> {
    if (!this.#target) return;
    const names = this.#namesOf(this.#target);
    this.#names = names;
    const known = this.#target.filter(({ topicId }) => names.has(topicId));
    if (known.length < this.#target.length) this.#askForUnknown(this.#target);
    const wanted = known.flatMap(({ topicId, partitions }): TopicPartition[] => {
      const topic = names.get(topicId) ?? "";
      return partitions.map((partition) => ({ topic, partition }));
    });
    const held = this.#events.ownedPartitions();
    const isSame = without(held, wanted).length === 0 && without(wanted, held).length === 0;
    if (isSame && this.#isOwned(known)) return;
    const incarnation = this.#incarnation;
    try {
      if (!isSame) await this.#events.onAssigned(wanted);
    } finally {
      if (incarnation === this.#incarnation) {
        this.#owned = known;
        this.#saysOwned = true;
        this.#beatNow();
      }
    }
  }

  #namesOf(topics: readonly TopicPartitions[]): Map<string, string> {
    const names = new Map<string, string>();
    for (const { topicId } of topics) {
      const name = this.#cluster.metadata.nameOf(topicId) ?? this.#names.get(topicId);
      if (name !== undefined) names.set(topicId, name);
    }
    return names;
  }

  #isOwned(topics: readonly TopicPartitions[]): boolean {
    const keys = (each: readonly TopicPartitions[]): Set<string> =>
      new Set(each.flatMap(({ topicId, partitions }) => partitions.map((partition) => `${topicId}/${partition}`)));
    const wanted = keys(topics);
    const owned = keys(this.#owned);
    return wanted.size === owned.size && [...wanted].every((key) => owned.has(key));
  }

  #askForUnknown(topics: readonly TopicPartitions[]): void {
    const now = this.#clock.monotonic();
    if (now < this.#askForUnknownAt) return;
    this.#askForUnknownAt = now + UNKNOWN_TOPIC_INTERVAL_MS;
    this.#cluster.requestTopics(topics.map(({ topicId }) => topicId));
  }

  #lose(): void {
    this.#logger.log("info", "the membership was lost", { groupId: this.#settings.groupId, memberId: this.#memberId });
    this.#forget();
    if (this.#events.ownedPartitions().length > 0) this.#isLost = true;
    this.#events.onChange();
  }

  #forget(): void {
    if (this.isMember) this.#lastGroup = this.#current;
    this.#incarnation++;
    this.#epoch = JOIN_EPOCH;
    this.#target = undefined;
    this.#owned = [];
    this.#saysAll = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sends a heartbeat as soon as there is none under way. */
  #beatNow(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#exchanging) this.#mustBeat = true;
    else this.#beat();
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closing.signal.aborted || this.#isLost) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      if (this.#clock.monotonic() - this.#lastPollAt > this.#settings.maxPollIntervalMs) this.#leaveSinceNobodyPolls();
      else this.#beatNow();
    });
  }

  #beat(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#mustBeat = false;
    this.#exchanging = this.#exchange()
      .then(
        (delayMs) => {
          this.#failures = 0;
          return delayMs;
        },
        (error: unknown) => this.#failed(error),
      )
      .then((delayMs) => {
        this.#exchanging = undefined;
        // A membership that was lost begins anew in `advance`.
        if (delayMs === undefined || this.#isLost || this.#closing.signal.aborted) return;
        if (this.#mustBeat) this.#beat();
        else this.#schedule(delayMs);
      });
  }

  /** Gives the time until another try. What became of the request is not known: the next one says everything. */
  #failed(error: unknown): number | undefined {
    if (!(error instanceof OncillaError)) throw error;
    this.#saysAll = true;
    if (this.#closing.signal.aborted) return undefined;
    this.#logger.log("warn", "a heartbeat failed", { groupId: this.#settings.groupId, error: error.message });
    if (!error.retriable) {
      this.#error = error;
      this.#events.onChange();
      if (error.fatal) return undefined;
    }
    this.#failures++;
    return backoffMs(this.#cluster.platform.random, this.#cluster.options.backoff, this.#failures);
  }

  /** One heartbeat; gives the time until the next, undefined when that is up to `advance`. */
  async #exchange(): Promise<number | undefined> {
    const incarnation = this.#incarnation;
    const request = this.#nextRequest();
    const options = request.subscribedTopicRegex ? { minVersion: REGEX_VERSION } : {};
    const response = await this.#coordinator.request(consumerGroupHeartbeat, request, options);
    // A membership that ended meanwhile is of no concern.
    if (incarnation !== this.#incarnation) return 0;
    const error = errorName(response.errorCode);
    if (request.memberEpoch !== JOIN_EPOCH && fenced.has(error)) {
      this.#lose();
      return this.#isLost ? undefined : 0;
    }
    this.#check(error, response.errorMessage);
    this.#take(response);
    return response.heartbeatIntervalMs;
  }

  #take({ memberEpoch, assignment }: HeartbeatResponse): void {
    if (!this.isMember) this.#joinedAt = memberEpoch;
    this.#epoch = memberEpoch;
    this.#lastGroup = undefined;
    if (!assignment) return;
    this.#target = assignment.topicPartitions;
    this.#events.onChange();
  }

  #nextRequest(): HeartbeatRequest {
    const { groupId, groupInstanceId: instanceId, rebalanceTimeoutMs, rackId, remoteAssignor } = this.#settings;
    const claim = { groupId, memberId: this.#memberId, memberEpoch: this.#epoch, instanceId };
    const all = this.#saysAll;
    const owned = all || this.#saysOwned ? { topicPartitions: this.#owned } : {};
    this.#saysAll = false;
    this.#saysOwned = false;
    if (!all) return { ...claim, ...owned };
    return {
      ...claim,
      ...owned,
      rackId: rackId === "" ? null : rackId,
      rebalanceTimeoutMs,
      subscribedTopicNames: [...this.#topics].sort(),
      subscribedTopicRegex: this.#pattern,
      serverAssignor: remoteAssignor,
    };
  }

  #check(error: ErrorName, message: string | null): void {
    if (error === "NONE") return;
    this.#coordinator.noteError(error);
    // Its last life may not have left; its session ends sooner or later.
    const traits = error === "UNRELEASED_INSTANCE_ID" ? { retriable: true } : {};
    throw wireError(error, `ConsumerGroupHeartbeat of group ${this.#settings.groupId}`, message, traits);
  }

  #leaveSinceNobodyPolls(): void {
    const { groupId, groupInstanceId, maxPollIntervalMs } = this.#settings;
    this.#logger.log("warn", "leaving the group: poll was not called in time", { groupId, maxPollIntervalMs });
    void this.#sendLeave(groupInstanceId === null ? LEAVE_EPOCH : AWAY_EPOCH);
    this.#lose();
    // A static member comes back at the epoch at which it left.
    this.#memberId = this.#newMemberId();
  }

  #newMemberId(): string {
    return Buffer.from(randomUuid(this.#cluster.platform.random)).toString("base64url");
  }

  async #sendLeave(memberEpoch: number): Promise<void> {
    const { groupId, groupInstanceId: instanceId } = this.#settings;
    try {
      const body = { groupId, memberId: this.#memberId, memberEpoch, instanceId };
      const response = await this.#otherWay.request(consumerGroupHeartbeat, body);
      this.#check(errorName(response.errorCode), response.errorMessage);
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
      // The session timeout does the same, only later.
      this.#logger.log("warn", "leaving the group failed", { groupId, error: error.message });
    }
  }
}
