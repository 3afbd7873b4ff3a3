/** How long streams groups' members may be silent. */
import type { GroupCore } from "../core.ts";
import { startTimer } from "../member-timers.ts";
import type { StreamsGroup } from "./streams-group.ts";

/** Members get all the time that they have once more when the coordinator has read its log. */
export function startStreamsTimers(core: GroupCore, { groupId, members }: StreamsGroup, now: number): void {
  for (const { memberId, state, rebalanceTimeoutMs } of members.values()) {
    startTimer(core, groupId, memberId, "session", now + core.settingsOf(groupId).streamsSessionTimeoutMs);
    if (state === "UnrevokedPartitions") {
      startTimer(core, groupId, memberId, "revocation", now + rebalanceTimeoutMs);
    }
  }
}
