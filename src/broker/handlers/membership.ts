/** The requests by which members keep a group together: JoinGroup, SyncGroup, Heartbeat and LeaveGroup of the classic
 * protocol, ConsumerGroupHeartbeat of the new one. */
import { consumerGroupHeartbeat } from "../../protocol/apis/consumer-group-heartbeat.ts";
import { heartbeat } from "../../protocol/apis/heartbeat.ts";
import { joinGroup } from "../../protocol/apis/join-group.ts";
import { leaveGroup } from "../../protocol/apis/leave-group.ts";
import { syncGroup } from "../../protocol/apis/sync-group.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { hasConsumerProtocol } from "../metadata/features.ts";
import type { Handler } from "../router.ts";

export function joinGroupHandler({ groups }: BrokerServices): Handler<typeof joinGroup> {
  return {
    api: joinGroup,
    handle(request, context, reply) {
      groups.request(
        request.groupId,
        (machine, now, answer) => machine.joinGroup(request, context, now, answer),
        reply,
        (error) => ({
          throttleTimeMs: 0,
          errorCode: errorCodes[error],
          generationId: -1,
          protocolType: null,
          protocolName: context.apiVersion >= 7 ? null : "",
          leader: "",
          memberId: request.memberId,
          members: [],
        }),
      );
    },
  };
}

/** From this version on, members say which protocol they agreed on. */
const PROTOCOL_VERSION = 5;

export function syncGroupHandler({ groups }: BrokerServices): Handler<typeof syncGroup> {
  return {
    api: syncGroup,
    handle(request, { apiVersion }, reply) {
      const isProtocolNamed = request.protocolType !== null && request.protocolName !== null;
      if (apiVersion >= PROTOCOL_VERSION && !isProtocolNamed) {
        reply(syncError("INCONSISTENT_GROUP_PROTOCOL"));
        return;
      }
      groups.request(
        request.groupId,
        (machine, now, answer) => machine.syncGroup(request, now, answer),
        reply,
        syncError,
      );
    },
  };
}

function syncError(error: ErrorName): ResponseBody<typeof syncGroup> {
  return { throttleTimeMs: 0, errorCode: errorCodes[error], assignment: new Uint8Array(0) };
}

export function heartbeatHandler({ groups }: BrokerServices): Handler<typeof heartbeat> {
  return {
    api: heartbeat,
    handle(request, _context, reply) {
      groups.request(
        request.groupId,
        (machine, now, answer) => machine.heartbeat(request, now, answer),
        reply,
        (error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error] }),
      );
    },
  };
}

export function leaveGroupHandler({ groups }: BrokerServices): Handler<typeof leaveGroup> {
  return {
    api: leaveGroup,
    handle(request, context, reply) {
      groups.request(
        request.groupId,
        (machine, now, answer) => machine.leaveGroup(request, context, now, answer),
        reply,
        (error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error], members: [] }),
      );
    },
  };
}

export function consumerGroupHeartbeatHandler({
  groups,
  image,
}: BrokerServices): Handler<typeof consumerGroupHeartbeat> {
  return {
    api: consumerGroupHeartbeat,
    handle(request, context, reply) {
      if (!hasConsumerProtocol(image.features)) {
        reply(consumerHeartbeatError("UNSUPPORTED_VERSION"));
        return;
      }
      groups.request(
        request.groupId,
        (machine, now, answer) => machine.consumerGroupHeartbeat(request, context, now, answer),
        reply,
        consumerHeartbeatError,
      );
    },
  };
}

function consumerHeartbeatError(error: ErrorName): ResponseBody<typeof consumerGroupHeartbeat> {
  return { throttleTimeMs: 0, errorCode: errorCodes[error], memberEpoch: 0, heartbeatIntervalMs: 0 };
}
