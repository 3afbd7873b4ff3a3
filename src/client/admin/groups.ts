import { consumerGroupDescribe } from "../../protocol/apis/consumer-group-describe.ts";
import { deleteGroups } from "../../protocol/apis/delete-groups.ts";
import { describeGroups } from "../../protocol/apis/describe-groups.ts";
import { listGroups } from "../../protocol/apis/list-groups.ts";
import { streamsGroupDescribe } from "../../protocol/apis/streams-group-describe.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { commitGroupOffsets, fetchGroupOffsets } from "../consumer/group-offsets.ts";
import { decodeAssignment } from "../consumer/group-protocol.ts";
import { OncillaError, wireError } from "../errors.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import type { TopicPartitionOffset } from "../types.ts";
import type { GroupDescription, GroupListing, StreamsTask } from "./types.ts";

type Retrying = <T>(what: string, attempt: () => Promise<T>) => Promise<T>;

/** The admin's calls about groups: each goes to the group's coordinator. */
export class GroupAdmin {
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #retrying: Retrying;

  constructor(cluster: Cluster, lane: Lane, retrying: Retrying) {
    this.#cluster = cluster;
    this.#lane = lane;
    this.#retrying = retrying;
  }

  /** Every broker knows the groups that it coordinates. */
  list(): Promise<GroupListing[]> {
    return this.#retrying("listGroups", async () => {
      await this.#cluster.refresh();
      const answers = await Promise.all(
        this.#cluster.metadata.brokers.map(({ nodeId }) => this.#lane.request(nodeId, listGroups, {})),
      );
      return answers.flatMap(({ errorCode, groups }) => {
        const error = errorName(errorCode);
        if (error !== "NONE") throw wireError(error, "listGroups");
        return groups.map(({ groupState: state, groupType: type, ...group }) => ({ ...group, state, type }));
      });
    });
  }

  describe(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return Promise.all(groupIds.map((groupId) => this.#describeOne(groupId)));
  }

  async delete(groupIds: readonly string[]): Promise<void> {
    await Promise.all(groupIds.map((groupId) => this.#deleteOne(groupId)));
  }

  offsets(groupId: string, requireStable: boolean): Promise<TopicPartitionOffset[]> {
    const coordinator = this.#coordinatorOf(groupId);
    return this.#retrying(`offsets of group ${groupId}`, () =>
      fetchGroupOffsets(coordinator, groupId, null, requireStable),
    );
  }

  setOffsets(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const coordinator = this.#coordinatorOf(groupId);
    const outsider = { groupId, generationId: -1, memberId: "", groupInstanceId: null };
    return this.#retrying(`offsets of group ${groupId}`, () => commitGroupOffsets(coordinator, outsider, offsets));
  }

  #describeOne(groupId: string): Promise<GroupDescription> {
    const coordinator = this.#coordinatorOf(groupId);
    return this.#retrying(`describing group ${groupId}`, async () => {
      const described = await this.#describeConsumerGroup(coordinator, groupId);
      if (described) return described;
      const response = await coordinator.request(describeGroups, { groups: [groupId] });
      const group = response.groups[0];
      if (!group) throw new OncillaError("GROUP_ID_NOT_FOUND", `group ${groupId}: the broker said nothing about it`);
      const error = errorName(group.errorCode);
      const streams = error === "GROUP_ID_NOT_FOUND" && (await this.#describeStreamsGroup(coordinator, groupId));
      if (streams) return streams;
      this.#check(coordinator, error, `describing group ${groupId}`);
      const { groupState: state, protocolType, protocolData: protocol } = group;
      const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => {
        const partitions = protocolType === "consumer" ? decodeAssignment(memberAssignment).partitions : [];
        return { memberId, groupInstanceId, clientId, clientHost, partitions, tasks: [] };
      });
      return { groupId, type: "classic", state, protocolType, protocol, members };
    });
  }

  /** Undefined when it is no group of the consumer protocol. */
  async #describeConsumerGroup(coordinator: CoordinatorLink, groupId: string): Promise<GroupDescription | undefined> {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    const response = await coordinator.request(consumerGroupDescribe, request).catch(unlessUnsupported);
    const group = response?.groups[0];
    if (!group || errorName(group.errorCode) === "GROUP_ID_NOT_FOUND") return undefined;
    this.#check(coordinator, errorName(group.errorCode), `describing group ${groupId}`);
    const members = group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => {
      const partitions = assignment.topicPartitions.flatMap(({ topicName: topic, partitions: indexes }) =>
        indexes.map((partition) => ({ topic, partition })),
      );
      return { memberId, groupInstanceId: instanceId, clientId, clientHost, partitions, tasks: [] };
    });
    const { groupState: state, assignorName: protocol } = group;
    return { groupId, type: "consumer", state, protocolType: "consumer", protocol, members };
  }

  /** Undefined when it is no streams group. */
  async #describeStreamsGroup(coordinator: CoordinatorLink, groupId: string): Promise<GroupDescription | undefined> {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    const response = await coordinator.request(streamsGroupDescribe, request).catch(unlessUnsupported);
    const group = response?.groups[0];
    if (!group || errorName(group.errorCode) === "GROUP_ID_NOT_FOUND") return undefined;
    this.#check(coordinator, errorName(group.errorCode), `describing group ${groupId}`);
    const members = group.members.map(({ memberId, clientId, clientHost, assignment }) => {
      const { activeTasks, standbyTasks, warmupTasks } = assignment;
      const tasks = [
        ...tasksOf("active", activeTasks),
        ...tasksOf("standby", standbyTasks),
        ...tasksOf("warmup", warmupTasks),
      ];
      return { memberId, groupInstanceId: null, clientId, clientHost, partitions: [], tasks };
    });
    return { groupId, type: "streams", state: group.groupState, protocolType: "streams", protocol: "", members };
  }

  #deleteOne(groupId: string): Promise<void> {
    const coordinator = this.#coordinatorOf(groupId);
    return this.#retrying(`deleting group ${groupId}`, async () => {
      const response = await coordinator.request(deleteGroups, { groupsNames: [groupId] });
      for (const { errorCode } of response.results) {
        this.#check(coordinator, errorName(errorCode), `deleting group ${groupId}`);
      }
    });
  }

  #coordinatorOf(groupId: string): CoordinatorLink {
    return new CoordinatorLink(this.#cluster, this.#lane, "group", groupId);
  }

  #check(coordinator: CoordinatorLink, error: ErrorName, what: string): void {
    if (error === "NONE") return;
    coordinator.noteError(error);
    throw wireError(error, what);
  }
}

function tasksOf(
  role: StreamsTask["role"],
  tasks: readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[],
): StreamsTask[] {
  return tasks.flatMap(({ subtopologyId, partitions }) =>
    partitions.map((partition) => ({ role, subtopologyId, partition })),
  );
}

/** Brokers before the new protocols have no groups of them. */
function unlessUnsupported(error: unknown): undefined {
  if (error instanceof OncillaError && error.code === "UNSUPPORTED_VERSION") return;
  throw error;
}
