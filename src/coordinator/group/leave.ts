/** LeaveGroup: members go, or an administrator removes static ones by their instance ids. */
import { defined } from "../../platform/assert.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { leaveConsumerGroup } from "./consumer-group/classic-member-requests.ts";
import type { GroupCore } from "./core.ts";
import type { Group } from "./group.ts";
import { dropMember, forgetIfUnborn, forgetPending } from "./members.ts";
import type { GroupRequestContext, LeaveGroupRequest, LeaveGroupResponse } from "./messages.ts";
import { completeIfEveryoneJoined } from "./rebalance.ts";
import { proceedWithout } from "./sessions.ts";
import type { Respond, Turn } from "./turn.ts";

/** From this version on several members can leave at once, each with its own error. */
const BATCHED_FROM_VERSION = 3;

interface Leaver {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export function leaveGroup(
  core: GroupCore,
  turn: Turn,
  request: LeaveGroupRequest,
  context: GroupRequestContext,
  respond: Respond<LeaveGroupResponse>,
): void {
  if (request.groupId === "") {
    turn.answer(respond, { errorCode: errorCodes.INVALID_GROUP_ID });
    return;
  }
  const isBatched = context.apiVersion >= BATCHED_FROM_VERSION;
  const leavers: readonly Leaver[] = isBatched
    ? request.members
    : [{ memberId: request.memberId, groupInstanceId: null }];
  const group = core.groups.get(request.groupId);
  const errors = group ? leaveAll(core, turn, group, leavers) : leavers.map((): ErrorName => "UNKNOWN_MEMBER_ID");
  const members = leavers.map(({ memberId, groupInstanceId }, i) => ({
    memberId,
    groupInstanceId,
    errorCode: errorCodes[defined(errors[i])],
  }));
  turn.answer(
    respond,
    isBatched ? { errorCode: errorCodes.NONE, members } : { errorCode: defined(members[0]).errorCode },
  );
}

function leaveAll(core: GroupCore, turn: Turn, group: Group, leavers: readonly Leaver[]): ErrorName[] {
  if (group.kind === "streams") return leavers.map(() => "UNKNOWN_MEMBER_ID");
  if (group.kind === "consumer") return leaveConsumerGroup(core, turn, group, leavers);
  const sizeBefore = group.members.size;
  const errors = leavers.map((leaver) => leave(core, turn, group, leaver));
  if (group.members.size < sizeBefore) proceedWithout(core, turn, group, "members have left");
  else completeIfEveryoneJoined(core, turn, group);
  forgetIfUnborn(core, group);
  return errors;
}

function leave(core: GroupCore, turn: Turn, group: ClassicGroup, { memberId, groupInstanceId }: Leaver): ErrorName {
  if (group.pendingMembers.has(memberId)) {
    forgetPending(core, group, memberId);
    return "NONE";
  }
  const isByInstance = memberId === "" && groupInstanceId !== null;
  const leavingId = isByInstance ? (group.memberIdOf(groupInstanceId) ?? "") : memberId;
  const error = group.checkMember(leavingId, groupInstanceId);
  if (error === "NONE") dropMember(core, turn, group, defined(group.members.get(leavingId)));
  return error;
}
