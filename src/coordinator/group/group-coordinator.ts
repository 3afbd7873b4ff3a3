import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import type { MarkerType } from "../../protocol/records/control.ts";
import type { CoordinatorMachine, CoordinatorRecord } from "../coordinator.ts";
import { Deadline, DeadlineQueue } from "../deadlines.ts";
import { applyRecord } from "./apply.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { defaultGroupCoordinatorConfig, type GroupCoordinatorConfig, type GroupSettings } from "./config.ts";
import { describeConsumerGroup } from "./consumer-group/describe.ts";
import { consumerGroupHeartbeat } from "./consumer-group/heartbeat.ts";
import { startAllTimers } from "./consumer-group/sessions.ts";
import type { GroupCore } from "./core.ts";
import { describeGroup, listGroups } from "./describe.ts";
import { heartbeat } from "./heartbeat.ts";
import { joinGroup } from "./join.ts";
import { leaveGroup } from "./leave.ts";
import { newMemberId } from "./member-id.ts";
import { touchSession } from "./members.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  DeletedGroup,
  DescribedConsumerGroup,
  DescribedGroup,
  DescribedStreamsGroup,
  GroupRequestContext,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupRequest,
  LeaveGroupResponse,
  ListedGroup,
  ListGroupsRequest,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
  OffsetFetchGroup,
  OffsetFetchGroupResult,
  StreamsGroupHeartbeatRequest,
  SyncGroupRequest,
  SyncGroupResponse,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from "./messages.ts";
import { commitOffsets, commitTransactionalOffsets } from "./offset-commit.ts";
import { fetchOffsets } from "./offset-fetch.ts";
import { type CommittedOffset, OffsetStore } from "./offset-store.ts";
import { rebalance } from "./rebalance.ts";
import { deleteGroups, deleteOffsets, deleteOffsetsOfTopics, ExpiryPass } from "./removal.ts";
import { describeStreamsGroup } from "./streams-group/describe.ts";
import { type StreamsHeartbeatResult, streamsGroupHeartbeat } from "./streams-group/heartbeat.ts";
import { startStreamsTimers } from "./streams-group/sessions.ts";
import { syncGroup } from "./sync.ts";
import type { TopicCatalog } from "./topic-catalog.ts";
import { type GroupStep, type Respond, Turn } from "./turn.ts";

export interface GroupSummary {
  readonly groupId: string;
  readonly state: string;
  readonly memberCount: number;
  readonly committed: Iterable<readonly [topic: string, partition: number, committed: CommittedOffset]>;
}

/**
 * The coordinator of the groups in one partition of `__consumer_offsets`: their members, generations and offsets. A
 * machine as coordinator.ts describes it.
 *
 * What the broker does before it calls a request method:
 * - It sends each group to the partition that its id hashes to, and splits requests that name several (OffsetFetch,
 *   DescribeGroups, DeleteGroups; ListGroups asks every partition).
 * - It checks who may do what, and answers partitions that do not exist. What topics there are the machine knows
 *   for one purpose only: to divide them among the members of consumer groups.
 * - **Topic ids.** OffsetCommit and OffsetFetch from version 10 on name topics by id alone. The machine keys offsets by
 *   name: the broker fills in `name` (and answers UNKNOWN_TOPIC_ID for what it cannot resolve), and fills in `topicId`
 *   in older versions where it knows it, so that a topic's offsets never pass to another of the same name. Results carry
 *   both; results of "all topics" may lack an id, which the broker then looks up.
 * - TxnOffsetCommit: it verifies that the transaction is open, of this producer and epoch, and has the partition in it.
 *
 * Bytes in requests are borrowed: what is kept is copied.
 */
export class GroupCoordinator implements CoordinatorMachine<GroupStep> {
  readonly #core: GroupCore;
  readonly #expiry: Deadline<Turn>;

  constructor(options: {
    readonly random: Random;
    readonly logger: Logger;
    readonly topics: TopicCatalog;
    readonly config?: Partial<GroupCoordinatorConfig>;
    /** A group's own settings, or the defaults. Default: those of `config`. */
    readonly settingsOf?: (groupId: string) => GroupSettings;
  }) {
    const config = { ...defaultGroupCoordinatorConfig, ...options.config };
    this.#core = {
      config,
      settingsOf: options.settingsOf ?? (() => config),
      logger: options.logger,
      topics: options.topics,
      memberTimers: new Map(),
      assignmentDelays: new Map(),
      groups: new Map(),
      offsets: new OffsetStore(),
      deadlines: new DeadlineQueue(),
      newMemberId: (prefix) => newMemberId(options.random, prefix),
      pendingMembers: new Map(),
    };
    const pass = new ExpiryPass(this.#core);
    this.#expiry = new Deadline((turn) => {
      const pauseMs = pass.continue(turn) ? this.#core.config.offsetsRetentionCheckIntervalMs : 0;
      this.#core.deadlines.set(this.#expiry, turn.now + pauseMs);
    });
  }

  // Requests. Each is answered once, by a reply of this step or, where it says so, of a later one.

  /** Parked until the join phase ends: `reply` may run in a later step. */
  joinGroup(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    now: number,
    reply: Respond<JoinGroupResponse>,
  ): GroupStep {
    return this.#decide(now, (turn) => joinGroup(this.#core, turn, request, context, reply));
  }

  /** Parked until the leader has sent its own: `reply` may run in a later step. */
  syncGroup(request: SyncGroupRequest, now: number, reply: Respond<SyncGroupResponse>): GroupStep {
    return this.#decide(now, (turn) => syncGroup(this.#core, turn, request, reply));
  }

  heartbeat(request: HeartbeatRequest, now: number, reply: Respond<HeartbeatResponse>): GroupStep {
    return this.#decide(now, (turn) => heartbeat(this.#core, turn, request, reply));
  }

  leaveGroup(
    request: LeaveGroupRequest,
    context: GroupRequestContext,
    now: number,
    reply: Respond<LeaveGroupResponse>,
  ): GroupStep {
    return this.#decide(now, (turn) => leaveGroup(this.#core, turn, request, context, reply));
  }

  consumerGroupHeartbeat(
    request: ConsumerGroupHeartbeatRequest,
    context: GroupRequestContext,
    now: number,
    reply: Respond<ConsumerGroupHeartbeatResponse>,
  ): GroupStep {
    return this.#decide(now, (turn) => consumerGroupHeartbeat(this.#core, turn, request, context, reply));
  }

  streamsGroupHeartbeat(
    request: StreamsGroupHeartbeatRequest,
    context: GroupRequestContext,
    now: number,
    reply: Respond<StreamsHeartbeatResult>,
  ): GroupStep {
    return this.#decide(now, (turn) => streamsGroupHeartbeat(this.#core, turn, request, context, reply));
  }

  commitOffsets(
    request: OffsetCommitRequest,
    context: GroupRequestContext,
    now: number,
    reply: Respond<OffsetCommitResponse>,
  ): GroupStep {
    return this.#decide(now, (turn) => commitOffsets(this.#core, turn, request, context, reply));
  }

  /** The step's records are the producer's: the log may refuse them, then the step's `refused` answers instead. */
  commitTransactionalOffsets(
    request: TxnOffsetCommitRequest,
    now: number,
    reply: Respond<TxnOffsetCommitResponse>,
  ): GroupStep {
    return this.#decide(now, (turn) => commitTransactionalOffsets(this.#core, turn, request, reply));
  }

  /** One group's part. Null topics ask for all. Offsets that are still being made durable count: the reply waits for
   * them as every reply does. */
  fetchOffsets(
    group: OffsetFetchGroup,
    requireStable: boolean,
    now: number,
    reply: Respond<OffsetFetchGroupResult>,
  ): GroupStep {
    return this.#decide(now, (turn) => fetchOffsets(this.#core, turn, group, requireStable, reply));
  }

  deleteOffsets(request: OffsetDeleteRequest, now: number, reply: Respond<OffsetDeleteResponse>): GroupStep {
    return this.#decide(now, (turn) => deleteOffsets(this.#core, turn, request, reply));
  }

  /** Results come in the order of the ids, each id once. */
  deleteGroups(groupIds: readonly string[], now: number, reply: Respond<DeletedGroup[]>): GroupStep {
    return this.#decide(now, (turn) => deleteGroups(this.#core, turn, groupIds, reply));
  }

  /** `authorizedOperations` is left for the broker to fill in. */
  describeGroup(groupId: string, context: GroupRequestContext, now: number, reply: Respond<DescribedGroup>): GroupStep {
    return this.#decide(now, (turn) => turn.answer(reply, describeGroup(this.#core, groupId, context)));
  }

  /** The same of a group of the consumer protocol. */
  describeConsumerGroup(groupId: string, now: number, reply: Respond<DescribedConsumerGroup>): GroupStep {
    return this.#decide(now, (turn) => turn.answer(reply, describeConsumerGroup(this.#core, groupId)));
  }

  /** The same of a streams group. */
  describeStreamsGroup(groupId: string, now: number, reply: Respond<DescribedStreamsGroup>): GroupStep {
    return this.#decide(now, (turn) => turn.answer(reply, describeStreamsGroup(this.#core, groupId)));
  }

  listGroups(request: ListGroupsRequest, now: number, reply: Respond<ListedGroup[]>): GroupStep {
    return this.#decide(now, (turn) => turn.answer(reply, listGroups(this.#core, request)));
  }

  /** What there is at this moment, for metrics. It may not be durable yet: nothing to tell a client. */
  *summaries(): Generator<GroupSummary> {
    const { groups, offsets } = this.#core;
    for (const { groupId, state, members } of groups.values()) {
      yield { groupId, state, memberCount: members.size, committed: offsets.committed(groupId) };
    }
  }

  /** Topics were deleted: their offsets go with them. */
  topicsDeleted(topics: readonly string[], now: number): GroupStep {
    return this.#decide(now, (turn) => deleteOffsetsOfTopics(this.#core, turn, new Set(topics)));
  }

  // The log.

  apply(record: CoordinatorRecord, offset: number): void {
    applyRecord(this.#core, record, offset);
  }

  /** A producer's transaction has ended: its marker stands in this partition. Called when it is written, and for every
   * marker on recovery, in the order of the log among the records. */
  applyMarker(producerId: number, type: MarkerType): void {
    this.#core.offsets.applyMarker(producerId, type);
  }

  /** Recovery is over: members have their session timeout from now to be heard of. Before the first request. */
  loaded(now: number): void {
    for (const group of this.#core.groups.values()) {
      if (group.kind === "streams") startStreamsTimers(this.#core, group, now);
      else if (group.kind === "consumer") startAllTimers(this.#core, group, now);
      else this.#goOn(group, now);
    }
    this.#core.deadlines.set(this.#expiry, now + this.#core.config.offsetsRetentionCheckIntervalMs);
  }

  #goOn(group: ClassicGroup, now: number): void {
    for (const member of group.members.values()) touchSession(this.#core, member, now);
    if (group.members.size <= this.#core.config.maxGroupSize) return;
    const shrink = new Deadline<Turn>((turn) => {
      if (this.#core.groups.get(group.groupId) !== group || group.state !== "Stable") return;
      rebalance(this.#core, turn, group, "it has more members than it may have now");
    });
    this.#core.deadlines.set(shrink, now);
  }

  // Time.

  /** May be too early, never too late: heartbeats move deadlines away without telling. */
  nextDeadline(): number | undefined {
    return this.#core.deadlines.next;
  }

  clockMoved(byMs: number): void {
    const { deadlines, assignmentDelays, groups } = this.#core;
    deadlines.clockMoved(byMs);
    for (const group of groups.values()) if (group.kind === "classic") group.initialJoinEndsAt += byMs;
    for (const [groupId, endsAt] of assignmentDelays) assignmentDelays.set(groupId, endsAt + byMs);
  }

  /** Stops at the first records, which must be applied before more is decided; then `nextDeadline` is due still. */
  tick(now: number): GroupStep {
    const turn = new Turn(now);
    while (turn.records.length === 0) {
      const due = this.#core.deadlines.takeDue(now);
      if (!due) break;
      due.run(turn);
    }
    return turn;
  }

  #decide(now: number, decision: (turn: Turn) => void): GroupStep {
    const turn = new Turn(now);
    decision(turn);
    return turn;
  }
}
