/** How long consumer groups' members may be silent. */
import type { GroupCore } from "../core.ts";
import { startTimer } from "../member-timers.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";

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
