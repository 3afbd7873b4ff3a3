/** What members of groups that the coordinator leads itself have time for, and what follows when they let it pass. */
import { Deadline } from "../deadlines.ts";
import { removeMembers } from "./consumer-group/remove.ts";
import type { GroupCore } from "./core.ts";
import { removeStreamsMember } from "./streams-group/remove.ts";
import type { Turn } from "./turn.ts";

/**
 * - session: to be heard of.
 * - revocation: to give up partitions, or tasks.
 * - join, sync: to join again when it is told to, and to ask for the assignment after that; members that speak the classic
 *   protocol only.
 */
type TimerKind = "session" | "revocation" | "join" | "sync";

const reasons: { readonly [K in TimerKind]: string } = {
  session: "it has not been heard of for its session timeout",
  revocation: "it has not given up what it should within its rebalance timeout",
  join: "it has not joined again within its rebalance timeout",
  sync: "it has joined and did not ask for its assignment",
};

type MemberTimers = Partial<Record<TimerKind, Deadline<Turn>>>;

/** By group and member id. */
export type TimersOfMembers = Map<string, Map<string, MemberTimers>>;

/** Starts a timer, anew if it runs already. */
export function startTimer(core: GroupCore, groupId: string, memberId: string, kind: TimerKind, at: number): void {
  const members = core.memberTimers.get(groupId) ?? new Map<string, MemberTimers>();
  const timers = members.get(memberId) ?? {};
  timers[kind] ??= new Deadline<Turn>((turn) => expire(core, turn, groupId, memberId, kind));
  members.set(memberId, timers);
  core.memberTimers.set(groupId, members);
  core.deadlines.set(timers[kind], at);
}

/** Starts a timer that does not run yet. */
export function startTimerOnce(core: GroupCore, groupId: string, memberId: string, kind: TimerKind, at: number): void {
  const timer = core.memberTimers.get(groupId)?.get(memberId)?.[kind];
  if (!timer || timer.dueAt === Number.POSITIVE_INFINITY) startTimer(core, groupId, memberId, kind, at);
}

export function stopTimer(core: GroupCore, groupId: string, memberId: string, kind: TimerKind): void {
  const timer = core.memberTimers.get(groupId)?.get(memberId)?.[kind];
  if (timer) core.deadlines.clear(timer);
}

/** The member is gone. */
export function stopTimers(core: GroupCore, groupId: string, memberId: string): void {
  const members = core.memberTimers.get(groupId);
  for (const timer of Object.values(members?.get(memberId) ?? {})) core.deadlines.clear(timer);
  members?.delete(memberId);
  if (members?.size === 0) core.memberTimers.delete(groupId);
}

function expire(core: GroupCore, turn: Turn, groupId: string, memberId: string, kind: TimerKind): void {
  const group = core.groups.get(groupId);
  if (group?.kind === "consumer") {
    const member = group.members.get(memberId);
    if (member) removeMembers(core, turn, group, [member], reasons[kind]);
  } else if (group?.kind === "streams" && group.members.has(memberId)) {
    removeStreamsMember(core, turn, group, memberId, reasons[kind]);
  }
}
