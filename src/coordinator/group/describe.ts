/** DescribeGroups and ListGroups: what an administrator sees. */
import { errorCodes } from "../../protocol/errors.ts";
import { clipped } from "../../protocol/strings.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import type { GroupCore } from "./core.ts";
import type { DescribedGroup, GroupRequestContext, ListedGroup, ListGroupsRequest } from "./messages.ts";

/** From this version on an unknown group is an error (KIP-1043); before, it is a group in state Dead. */
const GROUP_ID_NOT_FOUND_FROM_VERSION = 6;
const NO_METADATA = new Uint8Array(0);

export function describeGroup(core: GroupCore, groupId: string, { apiVersion }: GroupRequestContext): DescribedGroup {
  const group = core.groups.get(groupId);
  if (!group) return describeUnknown(groupId, apiVersion, `Group ${groupId} not found.`);
  if (group.kind !== "classic") return describeUnknown(groupId, apiVersion, `Group ${groupId} is not a classic group.`);
  return {
    errorCode: errorCodes.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    // Between two generations there is no agreement to show.
    protocolData: group.state === "Stable" ? (group.protocolName ?? "") : "",
    members: Array.from(group.members.values(), (member) => describeMember(group, member)),
  };
}

function describeUnknown(groupId: string, apiVersion: number, errorMessage: string): DescribedGroup {
  const nothing = { groupId, groupState: "Dead", protocolType: "", protocolData: "", members: [] };
  if (apiVersion < GROUP_ID_NOT_FOUND_FROM_VERSION) return { ...nothing, errorCode: errorCodes.NONE };
  return { ...nothing, errorCode: errorCodes.GROUP_ID_NOT_FOUND, errorMessage: clipped(errorMessage) };
}

function describeMember(group: ClassicGroup, member: ClassicMember): DescribedGroup["members"][number] {
  const { memberId, groupInstanceId, clientId, clientHost } = member;
  const metadata = group.state === "Stable" ? member.metadata(group.protocolName) : undefined;
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    memberMetadata: metadata ?? NO_METADATA,
    memberAssignment: member.assignment,
  };
}

/** All groups that pass the filters. Names of states and types may be in any case; an empty filter lets all pass. */
export function listGroups(core: GroupCore, { statesFilter, typesFilter }: ListGroupsRequest): ListedGroup[] {
  const states = new Set(statesFilter.map((state) => state.toLowerCase()));
  const types = new Set(typesFilter.map((type) => type.toLowerCase()));
  const listed: ListedGroup[] = [];
  for (const group of core.groups.values()) {
    if (states.size > 0 && !states.has(group.state.toLowerCase())) continue;
    if (types.size > 0 && !types.has(group.kind)) continue;
    listed.push({
      groupId: group.groupId,
      protocolType: group.protocolType ?? "",
      groupState: group.state,
      groupType: group.kind,
    });
  }
  return listed;
}
