/** Records become state: after each step, and again for the whole log when the broker starts. */
import type { CoordinatorRecord } from "../coordinator.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import { applyConsumerGroupRecord } from "./consumer-group/apply.ts";
import type { GroupCore } from "./core.ts";
import { stopTimers } from "./member-timers.ts";
import { forgetPending } from "./members.ts";
import { type MemberProtocol, sameProtocols } from "./protocol-tally.ts";
import { newClassicGroup } from "./rebalance.ts";
import { decodeRecord, type GroupMetadata, type OffsetKey, type OffsetValue } from "./records.ts";
import { addMember } from "./sessions.ts";
import { applyStreamsGroupRecord } from "./streams-group/apply.ts";

export function applyRecord(core: GroupCore, record: CoordinatorRecord, recordOffset: number): void {
  const decoded = decodeRecord(record);
  if (decoded?.kind === "group") applyGroup(core, decoded.groupId, decoded.value);
  if (decoded?.kind === "streams") applyStreamsGroupRecord(core, decoded.record, (groupId) => retire(core, groupId));
  if (decoded?.kind === "consumer") applyConsumerGroupRecord(core, decoded.record, (groupId) => retire(core, groupId));
  if (decoded?.kind === "offset") applyOffset(core, decoded.key, decoded.value, recordOffset, record.transaction);
}

function applyOffset(
  core: GroupCore,
  key: OffsetKey,
  value: OffsetValue | null,
  recordOffset: number,
  transaction: CoordinatorRecord["transaction"],
): void {
  if (value === null) {
    core.offsets.remove(key);
    return;
  }
  // Whoever commits offsets without being a member makes an empty group to hold them.
  if (!core.groups.has(key.groupId)) addClassicGroup(core, key.groupId);
  const committed = {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp,
    topicId: value.topicId,
    recordOffset,
  };
  if (transaction) core.offsets.addPending(transaction.producerId, key, committed);
  else core.offsets.commit(key, committed);
}

function addClassicGroup(core: GroupCore, groupId: string): ClassicGroup {
  const group = newClassicGroup(core, groupId);
  core.groups.set(groupId, group);
  return group;
}

function applyGroup(core: GroupCore, groupId: string, value: GroupMetadata | null): void {
  const present = core.groups.get(groupId);
  if (value === null) {
    // A group of the other protocol may have taken its place since.
    if (present?.kind === "classic") retire(core, groupId);
    return;
  }
  const group = present?.kind === "classic" ? present : addClassicGroup(core, groupId);
  group.generationId = value.generation;
  group.protocolType = value.protocolType === "" ? null : value.protocolType;
  group.protocolName = value.protocol;
  group.stateSinceMs = value.currentStateTimestamp < 0 ? undefined : value.currentStateTimestamp;
  group.isInitialRebalance = false;
  applyMembers(core, group, value);
  group.state = group.members.size === 0 ? "Empty" : "Stable";
  if (value.leader !== null && group.members.has(value.leader)) group.leaderId = value.leader;
}

/** Live, the members are those of the record already, and know more than it says: protocols that were not chosen,
 * requests that wait. Only their assignments are news. */
function applyMembers(core: GroupCore, group: ClassicGroup, { members, protocol }: GroupMetadata): void {
  const recorded = new Set(members.map(({ memberId }) => memberId));
  for (const member of [...group.members.values()]) {
    if (!recorded.has(member.memberId)) group.removeMember(member);
  }
  for (const described of members) {
    const protocols = [{ name: protocol ?? "", metadata: Uint8Array.from(described.subscription) }];
    const timeouts = {
      sessionTimeoutMs: described.sessionTimeout,
      rebalanceTimeoutMs: described.rebalanceTimeout < 0 ? described.sessionTimeout : described.rebalanceTimeout,
    };
    const member =
      group.members.get(described.memberId) ?? addMember(core, group, { ...described, ...timeouts, protocols });
    if (!supports(member, protocols)) group.setProtocols(member, protocols);
    Object.assign(member, timeouts);
    member.assignment = Uint8Array.from(described.assignment);
  }
}

function supports(member: ClassicMember, protocols: readonly MemberProtocol[]): boolean {
  return sameProtocols(
    protocols,
    member.protocols.filter(({ name }) => name === protocols[0]?.name),
  );
}

/** Takes a group out. Offsets that it leaves behind need one to hold them: it is about to go on with another protocol. */
function retire(core: GroupCore, groupId: string): void {
  const group = core.groups.get(groupId);
  if (!group) return;
  core.groups.delete(groupId);
  if (group.kind === "classic") {
    for (const memberId of [...group.pendingMembers.keys()]) forgetPending(core, group, memberId);
    for (const member of group.members.values()) core.deadlines.clear(member.session);
    core.deadlines.clear(group.joinDeadline);
    core.deadlines.clear(group.syncDeadline);
  } else {
    // Not a classic group's: the streams group that takes its place may have begun to wait.
    core.assignmentDelays.delete(groupId);
    for (const memberId of group.members.keys()) stopTimers(core, groupId, memberId);
  }
  if (core.offsets.hasAny(groupId)) addClassicGroup(core, groupId);
}
