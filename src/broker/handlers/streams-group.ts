/** Streams groups (KIP-1071): StreamsGroupHeartbeat, for which the broker also makes internal topics, and
 * StreamsGroupDescribe. */
import type { DescribedStreamsGroup, StreamsGroupHeartbeatResponse } from "../../coordinator/group/messages.ts";
import { type NewTopic, statusCodes } from "../../coordinator/group/streams-group/configure-topology.ts";
import type { StreamsHeartbeatResult } from "../../coordinator/group/streams-group/heartbeat.ts";
import { streamsGroupDescribe } from "../../protocol/apis/streams-group-describe.ts";
import { streamsGroupHeartbeat } from "../../protocol/apis/streams-group-heartbeat.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import { clipped } from "../../protocol/strings.ts";
import type { BrokerServices } from "../broker-services.ts";
import { hasStreamsProtocol } from "../metadata/features.ts";
import type { Topics } from "../metadata/topics.ts";
import type { Handler } from "../router.ts";
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "./authorized-operations.ts";
import { eachOnce } from "./duplicates.ts";

export function streamsGroupHeartbeatHandler(services: BrokerServices): Handler<typeof streamsGroupHeartbeat> {
  const { groups, image, topics } = services;
  return {
    api: streamsGroupHeartbeat,
    async handle(request, context, reply) {
      if (!hasStreamsProtocol(image.features)) {
        reply(heartbeatError("UNSUPPORTED_VERSION").response);
        return;
      }
      const { response, missingTopics } = await new Promise<StreamsHeartbeatResult>((resolve) => {
        groups.request<StreamsHeartbeatResult>(
          request.groupId,
          (machine, now, answer) => machine.streamsGroupHeartbeat(request, context, now, answer),
          resolve,
          heartbeatError,
        );
      });
      const problems = missingTopics.length > 0 ? await createTopics(topics, missingTopics) : [];
      reply(problems.length > 0 ? withProblems(response, problems) : response);
    },
  };
}

function heartbeatError(error: ErrorName): StreamsHeartbeatResult {
  return {
    missingTopics: [],
    response: {
      throttleTimeMs: 0,
      errorCode: errorCodes[error],
      memberId: "",
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
      acceptableRecoveryLag: 0,
      taskOffsetIntervalMs: 0,
      status: [],
      endpointInformationEpoch: 0,
    },
  };
}

/** Why topics could not be made; those that somebody else has made meanwhile are no problem. The member's next heartbeat
 * finds the rest. */
async function createTopics(topics: Topics, missing: readonly NewTopic[]): Promise<string[]> {
  const outcomes = await topics.create(
    missing.map(({ name, partitions, replicationFactor, topicConfigs }) => ({
      name,
      numPartitions: partitions,
      replicationFactor: replicationFactor > 0 ? replicationFactor : -1,
      assignments: [],
      configs: topicConfigs.map(({ key, value }) => ({ name: key, value })),
    })),
    false,
  );
  return outcomes.flatMap((outcome, i) => {
    if (outcome.ok || outcome.error === "TOPIC_ALREADY_EXISTS") return [];
    return [`${missing[i]?.name} (${outcome.error}: ${outcome.message})`];
  });
}

function withProblems(
  response: StreamsGroupHeartbeatResponse,
  problems: readonly string[],
): StreamsGroupHeartbeatResponse {
  const status = response.status?.map(({ statusCode, statusDetail }) => {
    if (statusCode !== statusCodes.missingInternalTopics) return { statusCode, statusDetail };
    return { statusCode, statusDetail: clipped(`${statusDetail}; Creation failed: ${problems.join(", ")}.`) };
  });
  return { ...response, status: status ?? null };
}

export function streamsGroupDescribeHandler({ groups, image }: BrokerServices): Handler<typeof streamsGroupDescribe> {
  return {
    api: streamsGroupDescribe,
    holdsNext: true,
    async handle(request, _context, reply) {
      const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
      const described = eachOnce(request.groupIds).map(
        (groupId) =>
          new Promise<DescribedStreamsGroup>((resolve) => {
            const unavailable = (error: ErrorName): DescribedStreamsGroup => describeError(groupId, error);
            if (!hasStreamsProtocol(image.features)) {
              resolve(unavailable("UNSUPPORTED_VERSION"));
              return;
            }
            groups.request<DescribedStreamsGroup>(
              groupId,
              (machine, now, answer) => machine.describeStreamsGroup(groupId, now, answer),
              (group) => resolve({ ...group, authorizedOperations }),
              unavailable,
            );
          }),
      );
      reply({ throttleTimeMs: 0, groups: await Promise.all(described) });
    },
  };
}

function describeError(groupId: string, error: ErrorName): DescribedStreamsGroup {
  return { errorCode: errorCodes[error], groupId, groupState: "", groupEpoch: 0, assignmentEpoch: 0, members: [] };
}
