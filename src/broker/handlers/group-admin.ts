/** What operators ask about groups: DescribeGroups, ConsumerGroupDescribe, ListGroups, DeleteGroups. */
import type {
  DeletedGroup,
  DescribedConsumerGroup,
  DescribedGroup,
  ListedGroup,
} from "../../coordinator/group/messages.ts";
import { consumerGroupDescribe } from "../../protocol/apis/consumer-group-describe.ts";
import { deleteGroups } from "../../protocol/apis/delete-groups.ts";
import { describeGroups } from "../../protocol/apis/describe-groups.ts";
import { listGroups } from "../../protocol/apis/list-groups.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import { hasConsumerProtocol } from "../metadata/features.ts";
import type { Handler } from "../router.ts";
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "./authorized-operations.ts";
import { eachOnce } from "./duplicates.ts";

export function describeGroupsHandler({ groups }: BrokerServices): Handler<typeof describeGroups> {
  return {
    api: describeGroups,
    holdsNext: true,
    async handle(request, context, reply) {
      const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
      const described = eachOnce(request.groups).map(
        (groupId) =>
          new Promise<DescribedGroup>((resolve) => {
            groups.request<DescribedGroup>(
              groupId,
              (machine, now, answer) => machine.describeGroup(groupId, context, now, answer),
              (group) => resolve({ ...group, authorizedOperations }),
              (error) => ({
                errorCode: errorCodes[error],
                groupId,
                groupState: "",
                protocolType: "",
                protocolData: "",
                members: [],
              }),
            );
          }),
      );
      reply({ throttleTimeMs: 0, groups: await Promise.all(described) });
    },
  };
}

export function consumerGroupDescribeHandler({ groups, image }: BrokerServices): Handler<typeof consumerGroupDescribe> {
  return {
    api: consumerGroupDescribe,
    holdsNext: true,
    async handle(request, _context, reply) {
      const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
      const described = eachOnce(request.groupIds).map(
        (groupId) =>
          new Promise<DescribedConsumerGroup>((resolve) => {
            const failed = (error: ErrorName): DescribedConsumerGroup => ({
              errorCode: errorCodes[error],
              groupId,
              groupState: "",
              groupEpoch: 0,
              assignmentEpoch: 0,
              assignorName: "",
              members: [],
            });
            if (!hasConsumerProtocol(image.features)) {
              resolve(failed("UNSUPPORTED_VERSION"));
              return;
            }
            groups.request<DescribedConsumerGroup>(
              groupId,
              (machine, now, answer) => machine.describeConsumerGroup(groupId, now, answer),
              (group) => resolve({ ...group, authorizedOperations }),
              failed,
            );
          }),
      );
      reply({ throttleTimeMs: 0, groups: await Promise.all(described) });
    },
  };
}

export function listGroupsHandler({ groups }: BrokerServices): Handler<typeof listGroups> {
  return {
    api: listGroups,
    holdsNext: true,
    async handle(request, _context, reply) {
      const shards = groups.shards();
      const problem = shards.find((shard) => shard.problem)?.problem;
      if (problem) {
        reply({ throttleTimeMs: 0, errorCode: errorCodes[problem], groups: [] });
        return;
      }
      const listed = shards.map(
        (shard) =>
          new Promise<ListedGroup[]>((resolve) => {
            shard.request<ListedGroup[]>(
              (machine, now, answer) => machine.listGroups(request, now, answer),
              resolve,
              () => [],
            );
          }),
      );
      reply({ throttleTimeMs: 0, errorCode: errorCodes.NONE, groups: (await Promise.all(listed)).flat() });
    },
  };
}

export function deleteGroupsHandler({ groups }: BrokerServices): Handler<typeof deleteGroups> {
  return {
    api: deleteGroups,
    async handle(request, _context, reply) {
      const deleted = eachOnce(request.groupsNames).map(
        (groupId) =>
          new Promise<DeletedGroup[]>((resolve) => {
            groups.request<DeletedGroup[]>(
              groupId,
              (machine, now, answer) => machine.deleteGroups([groupId], now, answer),
              resolve,
              (error) => [{ groupId, errorCode: errorCodes[error] }],
            );
          }),
      );
      reply({ throttleTimeMs: 0, results: (await Promise.all(deleted)).flat() });
    },
  };
}
