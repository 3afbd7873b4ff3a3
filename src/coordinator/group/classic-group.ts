import { assert, defined } from "../../platform/assert.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { Deadline } from "../deadlines.ts";
import type { ClassicMember } from "./classic-member.ts";
import type { JoinGroupResponse } from "./messages.ts";
import { type MemberProtocol, ProtocolTally, selectProtocol } from "./protocol-tally.ts";
import type { Respond, Turn } from "./turn.ts";

/**
 * - Empty: no members; offsets perhaps.
 * - PreparingRebalance: members are called to join again; the generation's end.
 * - CompletingRebalance: the next generation has its members, who wait for the leader's assignment.
 * - Stable: every member has its assignment.
 */
export type ClassicGroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

const MAX_GENERATION = 2 ** 31 - 1;

/**
 * A group of the classic protocol, whose members divide the work among themselves through a leader. Its data, and the
 * operations that keep it consistent; what happens when is decided in join.ts, rebalance.ts, sync.ts and so on.
 *
 * What a record in the log stands for (generation and assignments once they are agreed, an empty group) changes when
 * the record is applied; the rest lives in memory only and is agreed anew after a restart.
 */
export class ClassicGroup {
  readonly kind = "classic";
  readonly groupId: string;
  state: ClassicGroupState = "Empty";
  /** In PreparingRebalance: the group was empty before. It waits for the initial delay, not for its members. */
  isInitialRebalance = false;
  /** A member has joined since the initial delay began, which extends it. */
  hasNewMember = false;
  /** When the state last changed, in ms since 1970; undefined when an old log does not say. */
  stateSinceMs: number | undefined = undefined;
  /** Grows with each rebalance. */
  generationId = 0;
  /** "consumer" for consumers; null until the first member joins: such a group holds offsets at most. */
  protocolType: string | null = null;
  /** The protocol chosen for this generation; null while Empty. */
  protocolName: string | null = null;
  /** Null while Empty, otherwise one of `members`. */
  leaderId: string | null = null;
  readonly #members = new Map<string, ClassicMember>();
  /** Static members' ids by their instance ids. */
  readonly #memberIds = new Map<string, string>();
  readonly #protocols = new ProtocolTally();
  /** How many of `members` have a parked JoinGroup. */
  #joinedCount = 0;
  /** Ids that were given out with MEMBER_ID_REQUIRED and have not come back, with the time after which they are
   * forgotten. Never also in `members`. */
  readonly pendingMembers: Map<string, Deadline<Turn>> = new Map();
  /** Members of this generation that have not sent their SyncGroup. */
  readonly unsyncedMembers: Set<string> = new Set();
  /** The end of the join phase, and of the sync phase. */
  readonly joinDeadline: Deadline<Turn>;
  readonly syncDeadline: Deadline<Turn>;
  /** Until when the join phase of an initial rebalance may be extended, in ms since 1970. */
  initialJoinEndsAt = 0;

  constructor(groupId: string, joinDeadline: Deadline<Turn>, syncDeadline: Deadline<Turn>) {
    this.groupId = groupId;
    this.joinDeadline = joinDeadline;
    this.syncDeadline = syncDeadline;
  }

  get members(): ReadonlyMap<string, ClassicMember> {
    return this.#members;
  }

  /** How many members have a parked JoinGroup. */
  get joinedCount(): number {
    return this.#joinedCount;
  }

  get hasEveryoneJoined(): boolean {
    return this.#joinedCount === this.#members.size && this.pendingMembers.size === 0;
  }

  /** The longest that any member may take to join again. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.#members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  get nextGenerationId(): number {
    return this.generationId === MAX_GENERATION ? 1 : this.generationId + 1;
  }

  /** The id of the static member that now goes by `groupInstanceId`. */
  memberIdOf(groupInstanceId: string): string | undefined {
    return this.#memberIds.get(groupInstanceId);
  }

  /** Whether a request may speak for a member: NONE, FENCED_INSTANCE_ID (another process has taken its place) or
   * UNKNOWN_MEMBER_ID. */
  checkMember(memberId: string, groupInstanceId: string | null): ErrorName {
    if (groupInstanceId !== null) {
      const current = this.#memberIds.get(groupInstanceId);
      if (current === undefined) return "UNKNOWN_MEMBER_ID";
      if (current !== memberId) return "FENCED_INSTANCE_ID";
    }
    return this.#members.has(memberId) ? "NONE" : "UNKNOWN_MEMBER_ID";
  }

  /** Whether someone with these protocols can work with the present members. */
  acceptsProtocols(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === "Empty") return protocolType !== "" && protocols.length > 0;
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#isSupportedByAll(name));
  }

  /** The protocol that the present members would agree on. */
  selectProtocol(): string {
    const lists = Array.from(this.#members.values(), (member) => member.protocols);
    return defined(selectProtocol(lists, (name) => this.#isSupportedByAll(name)));
  }

  #isSupportedByAll(name: string): boolean {
    return this.#protocols.has(name, this.#members.size);
  }

  /** Adds a member. The first one leads. */
  addMember(member: ClassicMember): void {
    assert(!this.#members.has(member.memberId));
    if (member.groupInstanceId !== null) {
      assert(!this.#memberIds.has(member.groupInstanceId));
      this.#memberIds.set(member.groupInstanceId, member.memberId);
    }
    this.#members.set(member.memberId, member);
    this.#protocols.add(member.protocols);
    this.leaderId ??= member.memberId;
  }

  /** Takes a member out; another one leads then if it did. Its parked requests are the caller's to answer before. */
  removeMember(member: ClassicMember): void {
    assert(member.parkedJoin === undefined);
    this.#members.delete(member.memberId);
    this.unsyncedMembers.delete(member.memberId);
    this.#protocols.remove(member.protocols);
    if (member.groupInstanceId !== null) this.#memberIds.delete(member.groupInstanceId);
    if (this.leaderId === member.memberId) this.leaderId = this.#members.keys().next().value ?? null;
  }

  /** Puts a static member that was restarted in its predecessor's place, which leads if that did. */
  replaceMember(old: ClassicMember, successor: ClassicMember): void {
    assert(old.groupInstanceId === successor.groupInstanceId);
    const isLeader = this.leaderId === old.memberId;
    this.removeMember(old);
    this.addMember(successor);
    if (isLeader) this.leaderId = successor.memberId;
  }

  setProtocols(member: ClassicMember, protocols: readonly MemberProtocol[]): void {
    this.#protocols.remove(member.protocols);
    member.protocols = protocols;
    this.#protocols.add(protocols);
  }

  /** Keeps a JoinGroup until the join phase ends; returns an earlier one of the same member that it supersedes. */
  parkJoin(member: ClassicMember, respond: Respond<JoinGroupResponse>): Respond<JoinGroupResponse> | undefined {
    const superseded = this.takeJoin(member);
    member.parkedJoin = respond;
    this.#joinedCount++;
    return superseded;
  }

  /** Takes out a member's parked JoinGroup, to answer it. */
  takeJoin(member: ClassicMember): Respond<JoinGroupResponse> | undefined {
    const respond = member.parkedJoin;
    if (respond) {
      member.parkedJoin = undefined;
      this.#joinedCount--;
    }
    return respond;
  }

  /** Makes sure that a member who is there leads. False when nobody has joined. */
  electLeader(): boolean {
    if (this.leaderId !== null && this.#members.get(this.leaderId)?.parkedJoin) return true;
    for (const member of this.#members.values()) {
      if (!member.parkedJoin) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }
}
