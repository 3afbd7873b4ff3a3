import { assert } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { CommitFailedError, OncillaError, TimeoutError, wireError } from "../errors.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import { EARLIEST, findOffsets, LATEST, type ListedOffset, type OffsetQuery } from "../network/list-offsets.ts";
import { type RetryScope, retrying, timedOut, withTimeout } from "../network/retry.ts";
import { Signal } from "../network/signal.ts";
import type { ConsumerGroupMetadata, ConsumerRecord, TopicPartition, TopicPartitionOffset } from "../types.ts";
import { type AssignedPartition, Assignment } from "./assignment.ts";
import { ClassicMembership } from "./classic-membership.ts";
import { ConsumerProtocolMembership } from "./consumer-protocol-membership.ts";
import { Fetcher, type FetchLanes } from "./fetcher.ts";
import {
  commitAsMember,
  commitFailed,
  fetchGroupOffsets,
  isLostMember,
  isOldGeneration,
  isStaleEpoch,
  rebalancing,
} from "./group-offsets.ts";
import type { Membership } from "./membership.ts";
import {
  type ConsumerCloseOptions,
  type ConsumerOptions,
  type ConsumerSettings,
  consumerSettings,
  type RebalanceListener,
  type TopicPattern,
} from "./options.ts";
import { PendingCommits } from "./pending-commits.ts";
import { PositionFinder } from "./position-finder.ts";
import { Rebalancer } from "./rebalancer.ts";
import { Undelivered } from "./undelivered.ts";

/** How long polls that find records may go on without a wait: heartbeats and answers are to get in between. */
const MAX_RUN_MS = 10;

/** What metadata may say of a topic that no waiting mends. */
const refusals: ReadonlySet<ErrorName> = new Set<ErrorName>(["TOPIC_AUTHORIZATION_FAILED", "INVALID_TOPIC_EXCEPTION"]);

/** Consumes records, by group (`subscribe`) or from partitions of one's choice (`assign`). Made by `client.consumer()`. */
export class Consumer<K = Buffer, V = Buffer> implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #settings: ConsumerSettings;
  readonly #onClosed: () => void;
  readonly #closing = new AbortController();
  readonly #scope: RetryScope;
  readonly #lane: Lane;
  readonly #fetchLanes: FetchLanes;
  readonly #groupLane: Lane;
  readonly #coordinator: CoordinatorLink | undefined;
  readonly #changed = new Signal();
  readonly #assignment = new Assignment();
  readonly #undelivered: Undelivered<ConsumerRecord<K, V>> = new Undelivered();
  readonly #rebalancer: Rebalancer;
  readonly #finder: PositionFinder;
  readonly #fetcher: Fetcher;
  readonly #stopListening: () => void;
  /** While subscribed. */
  #membership: Membership | undefined;
  #topics: readonly string[] = [];
  #isPolling = false;
  /** When the event loop last got its turn. */
  #yieldedAt: number;
  /** When a poll gives up on a cluster that was never reached. */
  #giveUpAt: number | undefined;
  #isWoken = false;
  #isLeaving = false;
  /** What gives the group up, until the coordinator knows. */
  #unsubscribing: Promise<void> | undefined;
  /** The part of a `poll` in which rebalances happen, while it is under way. */
  #advancing: Promise<void> | undefined;
  /** The membership that was left last, until another takes its place: its offsets must not be taken for an outsider's. */
  #leftGroup: ConsumerGroupMetadata | undefined;
  #closed: Promise<void> | undefined;
  #nextAutoCommitAt: number;
  /** Under way. A `poll` begins none beside another. */
  #autoCommits = 0;
  readonly #commits = new PendingCommits();

  /** @internal Consumers are made by `client.consumer()`. */
  constructor(cluster: Cluster, options: ConsumerOptions<K, V>, onClosed: () => void) {
    const settings = consumerSettings(options);
    const notify = (): void => this.#changed.notify();
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#settings = settings;
    this.#onClosed = onClosed;
    this.#scope = cluster.retryScope(this.#closing.signal);
    this.#lane = cluster.openLane();
    this.#fetchLanes = { waiting: cluster.openLane(), looking: cluster.openLane() };
    this.#groupLane = cluster.openLane();
    const { groupId } = settings;
    this.#coordinator = groupId === undefined ? undefined : new CoordinatorLink(cluster, this.#lane, "group", groupId);
    const committed = this.#coordinator && ((wanted: readonly TopicPartition[]) => this.#fetchCommitted(wanted));
    this.#finder = new PositionFinder(cluster, this.#lane, this.#assignment, settings, committed, notify);
    this.#fetcher = new Fetcher(cluster, this.#fetchLanes, this.#assignment, settings, notify);
    this.#rebalancer = new Rebalancer(this.#assignment, {
      beforeRevoke: () => this.#autoCommitNow(),
      dropped: (partitions) => this.#undelivered.drop(partitions),
      requestRejoin: (reason) => this.#membership?.requestRejoin(reason),
    });
    this.#stopListening = cluster.onMetadata(() => {
      this.#finder.pump();
      this.#fetcher.pump();
      notify();
    });
    this.#yieldedAt = this.#clock.monotonic();
    this.#nextAutoCommitAt = this.#yieldedAt + settings.autoCommitIntervalMs;
  }

  /** Joins the group at the next `poll` and replaces what was subscribed before. An empty list throws: use `unsubscribe`. A
   * pattern needs `groupProtocol` "consumer": the broker says which topics match, those too that are made later. One that it
   * cannot read makes `poll` throw INVALID_REGULAR_EXPRESSION. */
  subscribe(subscription: readonly string[] | TopicPattern, listener: RebalanceListener = {}): void {
    this.#requireOpen();
    if (this.#isLeaving) throw new OncillaError("INVALID_STATE", "subscribe: unsubscribe is under way: wait for it");
    const { topics, pattern } = this.#parse(subscription);
    if (topics.length === 0 && !pattern)
      throw new OncillaError("INVALID_ARGUMENT", "subscribe: give at least one topic");
    if (!this.#membership && this.#assignment.size > 0) {
      throw new OncillaError("INVALID_STATE", "subscribe: partitions are assigned by hand: call unsubscribe() first");
    }
    const coordinator = this.#requireGroup();
    this.#assignment.isByHand = false;
    this.#topics = topics;
    this.#rebalancer.setSubscription(this.#topics, listener);
    this.#membership ??= this.#join(coordinator);
    this.#membership.setTopics(this.#topics, pattern);
    this.#cluster.requestRefresh(this.#topics);
  }

  #parse(subscription: readonly string[] | TopicPattern): {
    readonly topics: readonly string[];
    readonly pattern?: string;
  } {
    if (!("pattern" in subscription)) return { topics: [...new Set(subscription)] };
    if (this.#settings.groupProtocol === "consumer") return { topics: [], pattern: subscription.pattern };
    throw new OncillaError("INVALID_ARGUMENT", 'subscribe: a pattern needs a consumer with groupProtocol "consumer"');
  }

  /** Leaves the group (static members stay), or drops the partitions assigned by hand. */
  unsubscribe(): Promise<void> {
    return this.#unsubscribe(this.#settings.groupInstanceId === null);
  }

  async #unsubscribe(leaveGroup: boolean): Promise<void> {
    this.#requireOpen();
    const membership = this.#membership;
    if (!membership) {
      this.assign([]);
      return;
    }
    // Partitions are given up once, whoever asks for it meanwhile.
    if (!this.#isLeaving || !this.#unsubscribing) {
      const unsubscribing = this.#leave(membership, leaveGroup).finally(() => {
        if (this.#unsubscribing === unsubscribing) this.#unsubscribing = undefined;
      });
      this.#unsubscribing = unsubscribing;
    }
    await this.#unsubscribing;
  }

  async #leave(membership: Membership, leaveGroup: boolean): Promise<void> {
    this.#isLeaving = true;
    this.#changed.notify();
    try {
      // What goes wrong in there comes out of the poll.
      await this.#advancing?.catch(() => {});
      await this.#rebalancer.revoke(this.#assignment.list());
    } finally {
      this.#isLeaving = false;
      this.#leftGroup = this.groupMetadata();
      this.#membership = undefined;
      this.#topics = [];
      await membership.leave(leaveGroup ? "the consumer unsubscribed" : undefined);
    }
  }

  /** Replaces the assignment; no group is joined. Positions of partitions that stay are kept. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#requireOpen();
    if (this.#membership) {
      throw new OncillaError("INVALID_STATE", "assign: the consumer is subscribed: call unsubscribe() first");
    }
    // Positions are looked for at the next poll: a `seek` that follows right away says where to begin.
    this.#assignment.isByHand = true;
    this.#assignment.set(partitions, "committed");
    this.#undelivered.keep(partitions);
    if (partitions.length > 0) this.#leftGroup = undefined;
  }

  assignment(): TopicPartition[] {
    return this.#assignment.list();
  }

  /** Topics subscribed to by name. */
  subscription(): string[] {
    return [...this.#topics];
  }

  /** The next records, waiting up to `timeoutMs` (default 1,000) for the first; empty when there are none, or after `wakeup`.
   * Throws a TimeoutError when the cluster has not been reached at all within `defaultTimeoutMs`, and CLOSED once `close` was called.
   * Rebalances happen in here. Records of one partition come in order. One `poll` at a time. */
  async poll({ timeoutMs = 1_000 }: { readonly timeoutMs?: number } = {}): Promise<ConsumerRecord<K, V>[]> {
    if (this.#isPolling) throw new OncillaError("INVALID_STATE", "poll: another poll is under way: wait for it");
    this.#isPolling = true;
    let hasRecords = false;
    try {
      this.#requirePollable();
      // Before records are taken: what happens meanwhile may cost the partition.
      if (this.#isTurnDue) await this.#yieldTurn();
      const records = await this.#poll(this.#clock.monotonic() + timeoutMs);
      hasRecords = records.length > 0;
      return records;
    } finally {
      // A loop around polls that bring nothing, or throw, would let nothing else in: no answer, no timer, no signal.
      if (!hasRecords) await this.#yieldTurn();
      this.#isPolling = false;
    }
  }

  /** All records, one at a time, until the consumer is closed: leave the loop with `break`. `position` and `commit` count what was
   * handed out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord<K, V>, undefined, undefined> {
    try {
      while (!this.#isEnding) {
        this.#undelivered.add(await this.poll());
        for (let record = this.#undelivered.next(); record; record = this.#undelivered.next()) {
          yield record;
          if (this.#isTurnDue) await this.#yieldTurn();
        }
      }
    } finally {
      // What the loop did not get to comes again with the next poll.
      for (const { topic, partition, offset, leaderEpoch } of this.#undelivered.firsts()) {
        this.#assignment.get({ topic, partition })?.seek({ offset, leaderEpoch });
      }
      this.#undelivered.clear();
    }
    return undefined;
  }

  /** A `poll` that waits, or else the next one, returns at once. */
  wakeup(): void {
    this.#isWoken = true;
    this.#changed.notify();
  }

  /** The offset of the next record; finds it out when need be (committed offset, reset policy). */
  async position(partition: TopicPartition): Promise<number> {
    const assigned = this.#require(partition);
    const { defaultTimeoutMs } = this.#settings;
    const deadline = this.#clock.monotonic() + defaultTimeoutMs;
    for (;;) {
      const position = this.#positionOf(assigned);
      if (position) return position.offset;
      this.#finder.throwError();
      this.#requireOpen();
      this.#finder.pump();
      const left = deadline - this.#clock.monotonic();
      if (left <= 0) {
        throw timedOut(`position of ${assigned.name}: not known within ${defaultTimeoutMs} ms`, this.#finder.obstacle);
      }
      await this.#changed.wait(this.#clock, left);
    }
  }

  /** The id of the topic that records of the last `poll` are from, or that its error is about, which is another one when the topic was deleted
   * and made anew; undefined while it is not known, and where brokers have no ids. */
  topicId(partition: TopicPartition): string | undefined {
    const topicId = this.#assignment.get(partition)?.polledTopicId;
    return topicId === ZERO_UUID ? undefined : topicId;
  }

  /** The positions of all assigned partitions, as far as they are known: behind what `poll` has returned. For
   * `producer.sendOffsetsToTransaction`; `commit` stores them unless told otherwise. */
  positions(): TopicPartitionOffset[] {
    const positions: TopicPartitionOffset[] = [];
    for (const assigned of this.#assignment) {
      const position = this.#positionOf(assigned);
      if (!position) continue;
      const { topic, partition } = assigned;
      positions.push({ topic, partition, offset: position.offset, leaderEpoch: position.leaderEpoch });
    }
    return positions;
  }

  seek(partition: TopicPartition, offset: number): void {
    const assigned = this.#require(partition);
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new OncillaError("INVALID_ARGUMENT", `seek in ${assigned.name}: ${offset} is not an offset`);
    }
    assigned.seek({ offset, leaderEpoch: -1 });
    this.#moved([partition]);
  }

  seekToBeginning(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#require(partition).restart("beginning");
    this.#moved(partitions);
  }

  /** "The end" is the last stable offset when reading committed, else the high watermark. */
  seekToEnd(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#require(partition).restart("end");
    this.#moved(partitions);
  }

  /** Back to what the group has stored, or where there is nothing, to where `autoOffsetReset` says: after an abort, the same
   * records come again. */
  seekToCommitted(partitions: readonly TopicPartition[] = this.assignment()): void {
    this.#requireGroup();
    for (const partition of partitions) this.#require(partition).restart("committed");
    this.#moved(partitions);
  }

  /** Keeps the partitions but hands out nothing of them. Forgotten when they are revoked. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#require(partition).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#require(partition).isPaused = false;
    this.#pump();
  }

  paused(): TopicPartition[] {
    const paused = [...this.#assignment].filter(({ isPaused }) => isPaused);
    return paused.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Stores `offsets` (default: the positions) for the group; of several calls the last one counts, awaited or not. Throws
   * CommitFailedError when the member was replaced, and REBALANCE_IN_PROGRESS when only a poll brings it into the group's next
   * generation. */
  async commit(offsets: readonly TopicPartitionOffset[] = this.positions()): Promise<void> {
    this.#requireOpen();
    const coordinator = this.#requireGroup();
    if (offsets.length === 0) return;
    const membership = this.#membership;
    const group = this.groupMetadata();
    if (membership && !membership.isMember) throw commitFailed(`commit of group ${group.groupId}`);
    const holdsAll = (): boolean => offsets.every((partition) => this.#assignment.get(partition) !== undefined);
    try {
      const latest = (): ConsumerGroupMetadata | undefined => (holdsAll() ? membership?.latest(group) : undefined);
      const { defaultTimeoutMs } = this.#settings;
      await this.#commits.run(offsets, (remaining) =>
        commitAsMember(this.#scope, defaultTimeoutMs, coordinator, group, remaining, latest),
      );
    } catch (error) {
      if (!(error instanceof CommitFailedError)) throw error;
      const isOvertaken = isOldGeneration(error.cause) && membership?.hasNext(group);
      if (isOvertaken && holdsAll()) throw rebalancing(`commit of group ${group.groupId}`);
      if (!isOvertaken && !isStaleEpoch(error.cause)) membership?.noteLost(group);
      throw error;
    }
  }

  /** What the group has stored, without the partitions that have nothing. Waits for open transactions that hold offsets. */
  committed(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]> {
    this.#requireGroup();
    return retrying(this.#scope, "committed offsets", this.#settings.defaultTimeoutMs, () =>
      this.#fetchCommitted(partitions),
    );
  }

  beginningOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]> {
    return this.#findOffsets(partitions.map((partition) => ({ ...partition, timestamp: EARLIEST })));
  }

  /** Behind the last record that this consumer may read. */
  endOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]> {
    return this.#findOffsets(partitions.map((partition) => ({ ...partition, timestamp: LATEST })));
  }

  /** The first record at or behind each timestamp; partitions without one are left out. */
  async offsetsForTimes(
    times: readonly (TopicPartition & { readonly timestamp: number })[],
  ): Promise<(TopicPartitionOffset & { readonly timestamp: number })[]> {
    for (const { topic, partition, timestamp } of times) {
      if (timestamp >= 0) continue;
      throw new OncillaError("INVALID_ARGUMENT", `offsetsForTimes of ${topic}-${partition}: no time is ${timestamp}`);
    }
    const found = await this.#findOffsets(times);
    return found.filter(({ offset }) => offset >= 0);
  }

  /** For `producer.sendOffsetsToTransaction`. A membership that was lost or left stays until there is another: the coordinator
   * refuses its offsets, where it would take those of a consumer without one. */
  groupMetadata(): ConsumerGroupMetadata {
    this.#requireGroup();
    const { groupId = "", groupInstanceId } = this.#settings;
    const outsider = { groupId, groupInstanceId, generationId: -1, memberId: "" };
    const present = this.#membership?.group;
    if (present && present.generationId >= 0) return present;
    assert(!present || this.#assignment.size === 0, "what a group assigned is a member's");
    return this.#leftGroup ?? outsider;
  }

  /** Commits when `autoCommit`, revokes, leaves the group, lets go of everything. A `poll` under way returns. What is not done
   * within `timeoutMs` is left undone: the session timeout ends the membership then. Throws what the rebalance listener
   * throws, after it is closed. */
  close(options: ConsumerCloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: ConsumerCloseOptions): Promise<void> {
    const { timeoutMs = 30_000, leaveGroup = this.#settings.groupInstanceId === null } = options;
    const leaving = this.#membership ? this.#unsubscribe(leaveGroup) : (this.#unsubscribing ?? this.#autoCommitNow());
    const late = new TimeoutError(`not done within ${timeoutMs} ms`);
    try {
      await withTimeout(this.#clock, leaving, timeoutMs, () => late);
    } catch (error) {
      if (error !== late) throw error;
      const fields = { groupId: this.#settings.groupId, error: late.message };
      this.#cluster.options.logger.log("warn", "a consumer was closed without leaving its group", fields);
    } finally {
      this.#letGo();
    }
  }

  #letGo(): void {
    this.#closing.abort(closedError());
    this.#stopListening();
    this.#finder.close();
    this.#fetcher.close();
    const { waiting, looking } = this.#fetchLanes;
    for (const lane of [this.#lane, waiting, looking, this.#groupLane]) this.#cluster.closeLane(lane);
    this.#changed.notify();
    this.#onClosed();
  }

  async #poll(deadline: number): Promise<ConsumerRecord<K, V>[]> {
    for (;;) {
      const { count } = this.#changed;
      if (this.#isWoken || this.#isLeaving || this.#closing.signal.aborted) {
        this.#isWoken = false;
        return [];
      }
      this.#cluster.refreshWhenOld();
      this.#throwWhenUnreachable();
      await this.#advance();
      // What is read now would be committed before it is returned.
      if (this.#isLeaving) continue;
      this.#assignment.notePoll();
      this.#finder.throwError();
      this.#throwRefusedTopic();
      // Before positions move: the caller came back, and is done with what it has.
      this.#autoCommitWhenDue();
      const records = this.#fetcher.take(this.#settings.maxPollRecords) as ConsumerRecord<
        unknown,
        unknown
      >[] as ConsumerRecord<K, V>[];
      this.#pump();
      const now = this.#clock.monotonic();
      if (records.length > 0 || now >= deadline) return records;
      const until = Math.min(deadline, this.#giveUpAt ?? deadline);
      // What came while the listener was at work counts as well.
      await this.#changed.wait(this.#clock, until - now, count);
    }
  }

  #requirePollable(): void {
    if (this.#isEnding) throw closedError();
    if (this.#membership || this.#assignment.size > 0) return;
    throw new OncillaError("INVALID_STATE", "poll: there is nothing to read: call subscribe() or assign() first");
  }

  get #isTurnDue(): boolean {
    return this.#clock.monotonic() - this.#yieldedAt > MAX_RUN_MS;
  }

  async #yieldTurn(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setImmediate(resolve));
    this.#yieldedAt = this.#clock.monotonic();
  }

  /** A cluster that was reached once is waited for, but one that never was is hardly the right one. */
  #throwWhenUnreachable(): void {
    const { defaultTimeoutMs } = this.#settings;
    if (this.#cluster.isKnown) this.#giveUpAt = Number.POSITIVE_INFINITY;
    this.#giveUpAt ??= this.#clock.monotonic() + defaultTimeoutMs;
    if (this.#clock.monotonic() < this.#giveUpAt) return;
    this.#giveUpAt = undefined;
    throw timedOut(`poll: the cluster was not reached within ${defaultTimeoutMs} ms`, this.#cluster.obstacle);
  }

  /** A topic that does not exist is waited for; one that never will, or that this client may not know, is not. */
  #throwRefusedTopic(): void {
    const { metadata } = this.#cluster;
    if (!metadata.hasErrors) return;
    const assigned = this.#assignment.list().map(({ topic }) => topic);
    for (const topic of new Set([...this.#topics, ...assigned])) {
      const error = metadata.errorOf(topic);
      if (!error || !refusals.has(error)) continue;
      this.#cluster.requestRefresh([topic]);
      throw wireError(error, `metadata of topic ${topic}`);
    }
  }

  async #advance(): Promise<void> {
    this.#advancing = this.#membership?.advance();
    try {
      await this.#advancing;
    } finally {
      this.#advancing = undefined;
    }
  }

  #pump(): void {
    this.#finder.pump();
    this.#fetcher.pump();
  }

  #join(coordinator: CoordinatorLink): Membership {
    const { groupId = "" } = this.#settings;
    const Protocol = this.#settings.groupProtocol === "consumer" ? ConsumerProtocolMembership : ClassicMembership;
    const membership: Membership = new Protocol(
      this.#cluster,
      this.#groupLane,
      coordinator,
      { ...this.#settings, groupId },
      {
        ownedPartitions: () => this.#assignment.list(),
        onPrepare: () => this.#rebalancer.prepare(membership.protocol),
        onAssigned: (partitions) => this.#rebalancer.assigned(membership.protocol, partitions),
        onLost: () => this.#rebalancer.lost(),
        onChange: () => this.#changed.notify(),
      },
    );
    return membership;
  }

  #moved(partitions: readonly TopicPartition[]): void {
    this.#undelivered.drop(partitions);
    // Left to the poll: another `seek` may follow for a partition that has no position to be found.
    this.#changed.notify();
  }

  #positionOf(assigned: AssignedPartition): { readonly offset: number; readonly leaderEpoch: number } | undefined {
    return this.#undelivered.firstOf(assigned) ?? assigned.position;
  }

  async #fetchCommitted(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]> {
    const { groupId = "", groupProtocol } = this.#settings;
    const membership = this.#membership?.isMember && groupProtocol === "consumer" ? this.#membership : undefined;
    const group = membership?.group;
    try {
      // Whatever the isolation level: what a transaction is about to commit has been worked on.
      return await fetchGroupOffsets(this.#requireGroup(), groupId, partitions, true, group);
    } catch (error) {
      if (group && isLostMember(error)) membership?.noteLost(group);
      throw error;
    }
  }

  #findOffsets(queries: readonly OffsetQuery[]): Promise<ListedOffset[]> {
    this.#requireOpen();
    const { defaultTimeoutMs, isolationLevel } = this.#settings;
    return findOffsets(this.#cluster, this.#lane, this.#scope, defaultTimeoutMs, queries, isolationLevel);
  }

  #autoCommitWhenDue(): void {
    const isDue = this.#settings.autoCommit && this.#clock.monotonic() >= this.#nextAutoCommitAt;
    if (!isDue || this.#autoCommits > 0) return;
    this.#nextAutoCommitAt = this.#clock.monotonic() + this.#settings.autoCommitIntervalMs;
    void this.#autoCommitNow();
  }

  /** What is not committed now is read again by whoever gets the partition: at least once. */
  async #autoCommitNow(): Promise<void> {
    if (!this.#settings.autoCommit) return;
    this.#autoCommits++;
    try {
      await this.commit();
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
      const fields = { groupId: this.#settings.groupId, error: error.message };
      this.#cluster.options.logger.log("warn", "positions were not committed", fields);
    } finally {
      this.#autoCommits--;
    }
  }

  #require(partition: TopicPartition): AssignedPartition {
    this.#requireOpen();
    const assigned = this.#assignment.get(partition);
    if (assigned) return assigned;
    const message = `${partition.topic}-${partition.partition} is not assigned to this consumer`;
    throw new OncillaError("INVALID_STATE", message);
  }

  #requireGroup(): CoordinatorLink {
    if (this.#coordinator) return this.#coordinator;
    throw new OncillaError("INVALID_STATE", "this consumer has no group: make it with a groupId");
  }

  /** `close` was called: what it ends may go on for a while. */
  get #isEnding(): boolean {
    return this.#closed !== undefined;
  }

  #requireOpen(): void {
    if (this.#closing.signal.aborted) throw closedError();
  }
}

function closedError(): OncillaError {
  return new OncillaError("CLOSED", "the consumer is closed: make a new one with client.consumer()");
}
