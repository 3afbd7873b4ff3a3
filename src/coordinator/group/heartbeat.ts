/** Heartbeat: a member is still there, and learns whether it has to join again. The most frequent request of all: it
 * changes one number. */
import { defined } from "../../platform/assert.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import { heartbeatConsumerGroup } from "./consumer-group/classic-member-requests.ts";
import type { GroupCore } from "./core.ts";
import { touchSession } from "./members.ts";
import type { HeartbeatRequest, HeartbeatResponse } from "./messages.ts";
import type { Respond, Turn } from "./turn.ts";

export function heartbeat(
  core: GroupCore,
  turn: Turn,
  request: HeartbeatRequest,
  respond: Respond<HeartbeatResponse>,
): void {
  turn.answer(respond, { errorCode: errorCodes[keepAlive(core, turn, request)] });
}

function keepAlive(core: GroupCore, turn: Turn, request: HeartbeatRequest): ErrorName {
  if (request.groupId === "") return "INVALID_GROUP_ID";
  const group = core.groups.get(request.groupId);
  if (!group) return "UNKNOWN_MEMBER_ID";
  if (group.kind === "streams") return "UNKNOWN_MEMBER_ID";
  if (group.kind === "consumer") return heartbeatConsumerGroup(core, turn, group, request);
  const error = group.checkMember(request.memberId, request.groupInstanceId);
  if (error !== "NONE") return error;
  if (request.generationId !== group.generationId) return "ILLEGAL_GENERATION";
  touchSession(core, defined(group.members.get(request.memberId)), turn.now);
  return group.state === "PreparingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";
}
