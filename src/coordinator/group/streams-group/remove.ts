/** A member goes: of its own will, or because it let its time pass. */
import type { GroupCore } from "../core.ts";
import type { Turn } from "../turn.ts";
import { streamsEpochRecord, streamsMemberTombstones } from "./records.ts";
import type { StreamsGroup } from "./streams-group.ts";

/** Its tasks are free, and the group has a new epoch; the next heartbeat of another member finds a target for it. */
export function removeStreamsMember(
  core: GroupCore,
  turn: Turn,
  group: StreamsGroup,
  memberId: string,
  reason: string,
): void {
  const { groupId } = group;
  core.logger.log("info", "a member goes", { groupId, memberId, reason });
  turn.records.push(...streamsMemberTombstones(groupId, memberId));
  turn.records.push(streamsEpochRecord(groupId, { ...epochOf(group), epoch: group.epoch + 1 }));
}

function epochOf({
  epoch,
  metadataHash,
  validatedTopologyEpoch,
  assignmentConfigs,
}: StreamsGroup): Parameters<typeof streamsEpochRecord>[1] {
  return { epoch, metadataHash, validatedTopologyEpoch, assignmentConfigs };
}
