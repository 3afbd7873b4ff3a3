/** A consumer's membership by the classic protocol: members join together, and one of them divides the partitions. */
import { assert } from "../../platform/assert.ts";
import { type Clock, sleep, type Timer } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { heartbeat } from "../../protocol/apis/heartbeat.ts";
import { joinGroup } from "../../protocol/apis/join-group.ts";
import { leaveGroup } from "../../protocol/apis/leave-group.ts";
import { syncGroup } from "../../protocol/apis/sync-group.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { backoffMs } from "../network/backoff.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import type { ConsumerGroupMetadata } from "../types.ts";
import type { Assignor, MemberAssignment, RebalanceProtocol } from "./assignor.ts";
import { decodeAssignment, decodeMember, encodeAssignment, encodeSubscription } from "./group-protocol.ts";
import type { Membership, MembershipEvents } from "./membership.ts";
import type { ConsumerSettings } from "./options.ts";

const PROTOCOL_TYPE = "consumer";
const NO_GENERATION = -1;
/** A JoinGroup is answered when all members have joined or the rebalance timeout is over, or a little later. */
const JOIN_GRACE_MS = 5_000;
/** How often a leader asks for topics that someone subscribed to and that do not exist. */
const MISSING_TOPIC_INTERVAL_MS = 1_000;

/** What a join brought. */
interface JoinOutcome {
  readonly assignor: Assignor;
  readonly assignment: MemberAssignment;
}

type JoinResponse = ResponseOf<typeof joinGroup>;

export class ClassicMembership implements Membership {
  readonly protocol: RebalanceProtocol;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: ConsumerSettings & { readonly groupId: string };
  /** Joins and heartbeats have a way of their own: a JoinGroup may hold it for long. */
  readonly #coordinator: CoordinatorLink;
  readonly #otherWay: CoordinatorLink;
  readonly #events: MembershipEvents;
  readonly #closing = new AbortController();
  #topics: readonly string[] = [];
  #generationId = NO_GENERATION;
  #memberId = "";
  /** That of the partitions that are held: a new generation counts from the poll on that has given up what is not in it. What was
   * handed out before must not be committed in its name, as others may have these partitions by now. */
  #group: ConsumerGroupMetadata;
  #needsJoin = true;
  #isJoining = false;
  /** JoinGroup has no answer yet: the coordinator does not expect heartbeats. */
  #isWaitingForMembers = false;
  #isLost = false;
  /** Grows with each membership that ends. */
  #incarnation = 0;
  /** Of the present membership; waits for `advance`. */
  #outcome: JoinOutcome | undefined;
  /** Waits for `advance`. An assignor of the caller's may throw anything. */
  #error: unknown;
  /** The partition counts on which this member, as the leader, based its assignment. */
  #assignedCounts: ReadonlyMap<string, number> | undefined;
  #askForMissingAt = 0;
  #lastPollAt: number;
  #heartbeatTimer: Timer | undefined;

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
    this.#lastPollAt = this.#clock.monotonic();
    this.#group = this.#current;
    const isCooperative = settings.assignors.every(({ protocols }) => protocols?.includes("cooperative"));
    this.protocol = isCooperative ? "cooperative" : "eager";
  }

  get isMember(): boolean {
    return this.#generationId !== NO_GENERATION;
  }

  get group(): ConsumerGroupMetadata {
    return this.#group;
  }

  get #current(): ConsumerGroupMetadata {
    const { groupId, groupInstanceId } = this.#settings;
    return { groupId, groupInstanceId, generationId: this.#generationId, memberId: this.#memberId };
  }

  setTopics(topics: readonly string[]): void {
    this.#topics = topics;
    this.#rejoin("the subscription changed");
  }

  /** A generation's offsets are never those of the next. */
  latest(group: ConsumerGroupMetadata): ConsumerGroupMetadata {
    return group;
  }

  /** While JoinGroup has no answer, it may be that the others know it already. */
  hasNext({ memberId, generationId }: ConsumerGroupMetadata): boolean {
    return memberId === this.#memberId && (generationId < this.#generationId || this.#isWaitingForMembers);
  }

  noteLost(group: ConsumerGroupMetadata): void {
    if (group.generationId === this.#generationId && group.memberId === this.#memberId) this.#lose();
  }

  async advance(): Promise<void> {
    this.#lastPollAt = this.#clock.monotonic();
    this.#throwError();
    if (this.#isLost) await this.#reportLoss();
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (outcome && !this.#isLost) await this.#assigned(outcome);
    this.#checkPartitionCounts();
    if (!this.#needsJoin || this.#isJoining || this.#isLost) return;
    this.#isJoining = true;
    this.#needsJoin = false;
    try {
      await this.#events.onPrepare();
    } finally {
      this.#startJoin();
    }
  }

  async leave(reason: string | undefined): Promise<void> {
    this.#closing.abort(new OncillaError("CLOSED", "the consumer left its group"));
    this.#heartbeatTimer?.cancel();
    if (reason === undefined || this.#memberId === "") return;
    await this.#sendLeave(this.#memberId, reason);
    this.#forgetGeneration();
  }

  #throwError(): void {
    const error = this.#error;
    if (error === undefined) return;
    // Fatal errors stay.
    if (!(error instanceof OncillaError && error.fatal)) this.#error = undefined;
    throw error;
  }

  async #reportLoss(): Promise<void> {
    this.#isLost = false;
    await this.#events.onLost();
  }

  async #assigned({ assignor, assignment }: JoinOutcome): Promise<void> {
    assert(this.isMember, "only a member is assigned partitions");
    this.#group = this.#current;
    const { generationId, memberId } = this.#group;
    assignor.onAssignment?.(assignment, { generationId, memberId });
    await this.#events.onAssigned(assignment.partitions);
  }

  requestRejoin(reason: string): void {
    this.#rejoin(reason);
  }

  #rejoin(reason: string): void {
    if (!this.#needsJoin) this.#logger.log("info", "rejoining the group", { groupId: this.#settings.groupId, reason });
    this.#needsJoin = true;
    this.#events.onChange();
  }

  #lose(): void {
    this.#forgetGeneration();
    if (this.#events.ownedPartitions().length > 0) this.#isLost = true;
    this.#rejoin("the membership was lost");
  }

  #forgetGeneration(): void {
    this.#incarnation++;
    this.#generationId = NO_GENERATION;
    this.#memberId = "";
    this.#assignedCounts = undefined;
    this.#outcome = undefined;
    this.#heartbeatTimer?.cancel();
    this.#heartbeatTimer = undefined;
  }

  /** A leader's assignment goes out of date when topics get partitions. Topics that do not exist yet are asked for. */
  #checkPartitionCounts(): void {
    if (!this.#assignedCounts || this.#needsJoin) return;
    this.#askForMissing([...this.#assignedCounts].filter(([, count]) => count === 0).map(([topic]) => topic));
    for (const [topic, count] of this.#assignedCounts) {
      if (this.#partitionsOf(topic) !== count) {
        this.#assignedCounts = undefined;
        this.#rejoin(`topic ${topic} has changed`);
        return;
      }
    }
  }

  #askForMissing(topics: readonly string[]): void {
    const now = this.#clock.monotonic();
    if (topics.length === 0 || now < this.#askForMissingAt) return;
    this.#askForMissingAt = now + MISSING_TOPIC_INTERVAL_MS;
    this.#cluster.requestRefresh(topics);
  }

  #partitionsOf(topic: string): number {
    return this.#cluster.metadata.topic(topic)?.partitions.length ?? 0;
  }

  #startJoin(): void {
    this.#join()
      .then(
        (end) => {
          if (end === "lost") this.#lose();
        },
        (error: unknown) => {
          if (this.#closing.signal.aborted) return;
          this.#error = error;
          this.#needsJoin = true;
        },
      )
      .finally(() => {
        this.#isJoining = false;
        this.#isWaitingForMembers = false;
        this.#events.onChange();
      });
  }

  /** Joins until that succeeds, or the membership turns out to be lost. */
  async #join(): Promise<"assigned" | "lost"> {
    const { signal } = this.#closing;
    for (let failures = 0; ; ) {
      signal.throwIfAborted();
      try {
        const end = await this.#joinOnce();
        if (end) return end;
      } catch (error) {
        if (!(error instanceof OncillaError) || !error.retriable) throw error;
        this.#logger.log("info", "joining the group again", { error: error.message });
        failures++;
        await sleep(
          this.#clock,
          backoffMs(this.#cluster.platform.random, this.#cluster.options.backoff, failures),
          signal,
        );
      }
    }
  }

  /** Undefined: join again at once. */
  async #joinOnce(): Promise<"assigned" | "lost" | undefined> {
    const joined = await this.#sendJoin();
    const error = errorName(joined.errorCode);
    if (error === "MEMBER_ID_REQUIRED") {
      this.#memberId = joined.memberId;
      return undefined;
    }
    if (error === "UNKNOWN_MEMBER_ID" || error === "ILLEGAL_GENERATION") return this.#unknown();
    this.#check(error, "JoinGroup");
    this.#generationId = joined.generationId;
    this.#memberId = joined.memberId;
    this.#isWaitingForMembers = false;
    this.#scheduleHeartbeat();
    const incarnation = this.#incarnation;
    const assignor = this.#assignorNamed(joined.protocolName ?? "");
    const assignments = await this.#assignAsLeader(joined, assignor);
    const synced = await this.#sendSync(joined, assignments);
    const syncError = errorName(synced.errorCode);
    const isFenced = syncError === "FENCED_INSTANCE_ID";
    // Given up meanwhile, as nobody polled for one: what the answer gives belongs to a member that this is not any more. It joins again, but
    // not when another has its instance id, which that would fence in turn.
    if (incarnation !== this.#incarnation && !isFenced) return "lost";
    if (syncError === "REBALANCE_IN_PROGRESS") return undefined;
    if (syncError === "UNKNOWN_MEMBER_ID" || syncError === "ILLEGAL_GENERATION") return this.#unknown();
    this.#check(syncError, "SyncGroup");
    this.#outcome = { assignor, assignment: decodeAssignment(synced.assignment) };
    return "assigned";
  }

  /** Without partitions there is nothing to lose: join as a new member. */
  #unknown(): "lost" | undefined {
    if (this.#events.ownedPartitions().length > 0) return "lost";
    this.#forgetGeneration();
    return undefined;
  }

  #sendJoin(): Promise<JoinResponse> {
    const { groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, assignors, rackId } = this.#settings;
    this.#isWaitingForMembers = true;
    const ownedPartitions = this.protocol === "cooperative" ? this.#events.ownedPartitions() : [];
    const protocols = assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({
        topics: this.#topics,
        ownedPartitions,
        generationId: this.#generationId,
        userData: assignor.subscriptionUserData?.(this.#topics) ?? null,
        rackId: rackId === "" ? null : rackId,
      }),
    }));
    const body = {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      protocols,
    };
    const timeoutMs = Math.max(this.#cluster.options.requestTimeoutMs, rebalanceTimeoutMs + JOIN_GRACE_MS);
    return this.#coordinator.request(joinGroup, body, { timeoutMs });
  }

  async #assignAsLeader(
    joined: JoinResponse,
    assignor: Assignor,
  ): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    this.#assignedCounts = undefined;
    if (joined.leader !== joined.memberId) return [];
    const members = joined.members.map((each) => decodeMember(each.memberId, each.groupInstanceId, each.metadata));
    const topics = [...new Set(members.flatMap((member) => member.topics))];
    const unknown = topics.filter((topic) => this.#partitionsOf(topic) === 0);
    if (unknown.length > 0) await this.#cluster.refresh(unknown);
    this.#assignedCounts = new Map(topics.map((topic) => [topic, this.#partitionsOf(topic)]));
    // A static leader that came back: the group goes on as it was.
    if (joined.skipAssignment) return [];
    const shares = await assignor.assign({ partitionsOf: (topic) => this.#partitionsOf(topic) }, members);
    return [...shares].map(([memberId, share]) => ({ memberId, assignment: encodeAssignment(share) }));
  }

  #sendSync(
    joined: JoinResponse,
    assignments: { memberId: string; assignment: Uint8Array }[],
  ): Promise<ResponseOf<typeof syncGroup>> {
    const { protocolName } = joined;
    const body = { ...this.#current, protocolType: PROTOCOL_TYPE, protocolName, assignments };
    const { requestTimeoutMs } = this.#cluster.options;
    const timeoutMs = Math.max(requestTimeoutMs, this.#settings.rebalanceTimeoutMs + JOIN_GRACE_MS);
    return this.#coordinator.request(syncGroup, body, { timeoutMs });
  }

  #assignorNamed(name: string): Assignor {
    const assignor = this.#settings.assignors.find((each) => each.name === name);
    if (assignor) return assignor;
    const message = `group ${this.#settings.groupId} uses the assignor "${name}", which this consumer does not have`;
    throw new OncillaError("INCONSISTENT_GROUP_PROTOCOL", message);
  }

  #scheduleHeartbeat(): void {
    this.#heartbeatTimer?.cancel();
    if (this.#closing.signal.aborted) return;
    this.#heartbeatTimer = this.#clock.setTimer(this.#settings.heartbeatIntervalMs, () => this.#beat());
  }

  #beat(): void {
    if (!this.isMember || this.#isWaitingForMembers) return;
    if (this.#clock.monotonic() - this.#lastPollAt > this.#settings.maxPollIntervalMs) {
      this.#leaveSinceNobodyPolls();
      return;
    }
    this.#sendHeartbeat()
      .catch((error: unknown) => {
        if (!(error instanceof OncillaError)) throw error;
        if (this.#closing.signal.aborted) return;
        this.#logger.log("warn", "a heartbeat failed", { groupId: this.#settings.groupId, error: error.message });
        if (error.retriable) return;
        this.#error = error;
        this.#events.onChange();
      })
      .finally(() => {
        if (this.isMember) this.#scheduleHeartbeat();
      });
  }

  async #sendHeartbeat(): Promise<void> {
    const group = this.#current;
    const { generationId, memberId } = group;
    const response = await this.#coordinator.request(heartbeat, group);
    const isCurrent = generationId === this.#generationId && memberId === this.#memberId;
    // A rebalance that has begun meanwhile has the newer word.
    if (!isCurrent || this.#isWaitingForMembers) return;
    const error = errorName(response.errorCode);
    if (error === "REBALANCE_IN_PROGRESS") {
      if (!this.#isJoining) this.#rejoin("the group is rebalancing");
    } else if (error === "UNKNOWN_MEMBER_ID" || error === "ILLEGAL_GENERATION") this.#lose();
    else this.#check(error, "Heartbeat");
  }

  #leaveSinceNobodyPolls(): void {
    const { groupId, groupInstanceId, maxPollIntervalMs } = this.#settings;
    const memberId = this.#memberId;
    this.#logger.log("warn", "leaving the group: poll was not called in time", { groupId, maxPollIntervalMs });
    this.#lose();
    if (groupInstanceId === null) void this.#sendLeave(memberId, "poll was not called in time");
  }

  async #sendLeave(memberId: string, reason: string): Promise<void> {
    const { groupId, groupInstanceId } = this.#settings;
    try {
      const body = { groupId, memberId, members: [{ memberId, groupInstanceId, reason }] };
      const response = await this.#otherWay.request(leaveGroup, body);
      this.#check(errorName(response.errorCode), "LeaveGroup");
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
      // The session timeout does the same, only later.
      this.#logger.log("warn", "leaving the group failed", { groupId, error: error.message });
    }
  }

  #check(error: ErrorName, what: string): void {
    if (error === "NONE") return;
    this.#coordinator.noteError(error);
    const isRetriable = error === "REBALANCE_IN_PROGRESS" ? { retriable: true } : {};
    const { groupId, sessionTimeoutMs } = this.#settings;
    const detail =
      error === "INVALID_SESSION_TIMEOUT"
        ? `sessionTimeoutMs is ${sessionTimeoutMs}: brokers take it from group.min.session.timeout.ms (6,000 by default) up to group.max.session.timeout.ms`
        : undefined;
    throw wireError(error, `${what} of group ${groupId}`, detail, isRetriable);
  }
}
