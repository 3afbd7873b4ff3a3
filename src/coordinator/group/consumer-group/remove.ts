/** Members go: of their own will, or because they let their time pass. */
import type { GroupCore } from "../core.ts";
import type { Turn } from "../turn.ts";
import { writeSubscriptions } from "./advance.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { canDowngrade, downgrade } from "./migration.ts";
import { memberTombstones } from "./records.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What they had is free, and the group has a new epoch; the next heartbeat of another member finds a target for it. When
 * only members are left that speak the classic protocol, so does the group from now on. */
export function removeMembers(
  core: GroupCore,
  turn: Turn,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  reason: string,
): void {
  const { groupId } = group;
  for (const { memberId } of members) core.logger.log("info", "a member goes", { groupId, memberId, reason });
  const staying = new Map(group.members);
  for (const { memberId } of members) staying.delete(memberId);
  if (canDowngrade(core, staying.values())) {
    downgrade(core, turn, group, { leaving: members });
    return;
  }
  for (const { memberId } of members) turn.records.push(...memberTombstones(groupId, memberId));
  const subscriptions = new Subscriptions(staying.values(), group.regexes, core.topics);
  writeSubscriptions(turn, group, group.epoch + 1, subscriptions);
}
