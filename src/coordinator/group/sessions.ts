/** Sessions: how members come to be known, and what follows when they go or are not heard of any more. */

import { Deadline } from "../deadlines.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { ClassicMember, type MemberDescription } from "./classic-member.ts";
import type { GroupCore } from "./core.ts";
import { dismiss, dropMember, forgetIfUnborn, forgetPending, touchSession } from "./members.ts";
import { completeIfEveryoneJoined, rebalance } from "./rebalance.ts";
import type { Turn } from "./turn.ts";

export function addMember(core: GroupCore, group: ClassicGroup, description: MemberDescription): ClassicMember {
  const member = newMember(core, group, description);
  group.addMember(member);
  return member;
}

function newMember(core: GroupCore, group: ClassicGroup, description: MemberDescription): ClassicMember {
  const session = new Deadline<Turn>((turn) => expireSession(core, turn, group, member));
  const member = new ClassicMember(description, session);
  return member;
}

/** Puts a static member that was restarted in its predecessor's place, with the same assignment. */
export function replaceMember(
  core: GroupCore,
  turn: Turn,
  group: ClassicGroup,
  old: ClassicMember,
  description: MemberDescription,
): ClassicMember {
  const successor = newMember(core, group, description);
  successor.assignment = old.assignment;
  dismiss(core, turn, group, old, "FENCED_INSTANCE_ID");
  group.replaceMember(old, successor);
  touchSession(core, successor, turn.now);
  return successor;
}

/** Remembers an id that was given out with MEMBER_ID_REQUIRED. */
export function expectMember(core: GroupCore, group: ClassicGroup, memberId: string, until: number): void {
  const expiry = new Deadline<Turn>((turn) => expectNoMore(core, turn, group, memberId));
  group.pendingMembers.set(memberId, expiry);
  core.pendingMembers.set(memberId, group);
  core.deadlines.set(expiry, until);
}

/** Makes room for those who come. */
export function forgetFirstPending(core: GroupCore, turn: Turn): void {
  for (const [memberId, group] of core.pendingMembers) {
    expectNoMore(core, turn, group, memberId);
    return;
  }
}

function expectNoMore(core: GroupCore, turn: Turn, group: ClassicGroup, memberId: string): void {
  forgetPending(core, group, memberId);
  completeIfEveryoneJoined(core, turn, group);
  forgetIfUnborn(core, group);
}

/** Goes on after members have left: the others divide the work anew, or need not wait any longer. */
export function proceedWithout(core: GroupCore, turn: Turn, group: ClassicGroup, reason: string): void {
  if (group.state === "Stable" || group.state === "CompletingRebalance") rebalance(core, turn, group, reason);
  else completeIfEveryoneJoined(core, turn, group);
}

function expireSession(core: GroupCore, turn: Turn, group: ClassicGroup, member: ClassicMember): void {
  if (member.isWaitingForUs) return;
  dropMember(core, turn, group, member);
  proceedWithout(core, turn, group, `member ${member.memberId} has not been heard of for its session timeout`);
}
