/** What a consumer group's members have time for, and what follows when they let it pass. */
import { Deadline } from "../../deadlines.ts";
import type { GroupCore } from "../core.ts";
import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { removeMembers } from "./remove.ts";

/**
 * - session: to be heard of.
 * - revocation: to give up partitions.
 * - join, sync: to join again when it is told to, and to ask for the assignment after that; members that speak the classic
 *   protocol only.
 */
type TimerKind = "session" | "revocation" | "join" | "sync";

const reasons: { readonly [K in TimerKind]: string } = {
  session: "it has not been heard of for its session timeout",
  revocation: "it has not given up partitions within its rebalance timeout",
  join: "it has not joined again within its rebalance timeout",
  sync: "it has joined and did not ask for its assignment",
};

type MemberTimers = Partial<Record<TimerKind, Deadline<Turn>>>;

/** The timers of all consumer groups' members, by group and member id. */
export type ConsumerTimers = Map<string, Map<string, MemberTimers>>;

/** Starts a timer, anew if it runs already. */
export function startTimer(core: GroupCore, groupId: string, memberId: string, kind: TimerKind, at: number): void {
  const members = core.consumerTimers.get(groupId) ?? new Map<string, MemberTimers>();
  const timers = members.get(memberId) ?? {};
  timers[kind] ??= new Deadline<Turn>((turn) => expire(core, turn, groupId, memberId, kind));
  members.set(memberId, timers);
  core.consumerTimers.set(groupId, members);
  core.deadlines.set(timers[kind], at);
}

/** Starts a timer that does not run yet. */
export function startTimerOnce(core: GroupCore, groupId: string, memberId: string, kind: TimerKind, at: number): void {
  const timer = core.consumerTimers.get(groupId)?.get(memberId)?.[kind];
  if (!timer || timer.dueAt === Number.POSITIVE_INFINITY) startTimer(core, groupId, memberId, kind, at);
}

export function stopTimer(core: GroupCore, groupId: string, memberId: string, kind: TimerKind): void {
  const timer = core.consumerTimers.get(groupId)?.get(memberId)?.[kind];
  if (timer) core.deadlines.clear(timer);
}

/** The member is gone. */
export function stopTimers(core: GroupCore, groupId: string, memberId: string): void {
  const members = core.consumerTimers.get(groupId);
  for (const timer of Object.values(members?.get(memberId) ?? {})) core.deadlines.clear(timer);
  members?.delete(memberId);
  if (members?.size === 0) core.consumerTimers.delete(groupId);
}

/** A member was heard of. */
export function touch(core: GroupCore, group: ConsumerGroup, member: ConsumerMember, now: number): void {
  const timeoutMs = member.classic?.sessionTimeoutMs ?? core.settingsOf(group.groupId).consumerSessionTimeoutMs;
  startTimer(core, group.groupId, member.memberId, "session", now + timeoutMs);
}

/** Members get all the time that they have once more when the coordinator has read its log. */
export function startAllTimers(core: GroupCore, group: ConsumerGroup, now: number): void {
  for (const member of group.members.values()) {
    touch(core, group, member, now);
    if (member.state === "UnrevokedPartitions" && !member.classic) {
      startTimer(core, group.groupId, member.memberId, "revocation", now + member.rebalanceTimeoutMs);
    }
  }
}

function expire(core: GroupCore, turn: Turn, groupId: string, memberId: string, kind: TimerKind): void {
  const group = core.groups.get(groupId);
  if (group?.kind !== "consumer") return;
  const member = group.members.get(memberId);
  if (member) removeMembers(core, turn, group, [member], reasons[kind]);
}
