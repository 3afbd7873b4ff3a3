/** How offsets and groups go: by request, with their topics, or because nobody has used them for long. */
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import { consumerGroupTombstones } from "./consumer-group/records.ts";
import type { GroupCore } from "./core.ts";
import type { Group } from "./group.ts";
import type { DeletedGroup, OffsetDeleteRequest, OffsetDeleteResponse } from "./messages.ts";
import type { CommittedOffset } from "./offset-store.ts";
import { groupTombstone, type OffsetKey, offsetTombstone } from "./records.ts";
import { streamsGroupTombstones } from "./streams-group/records.ts";
import { isConsumerGroup, subscribedTopics } from "./subscriptions.ts";
import type { Respond, Turn } from "./turn.ts";

/** A step of the expiry pass ends once it has this many records. */
const MAX_EXPIRED_PER_STEP = 1000;

export function deleteGroups(
  core: GroupCore,
  turn: Turn,
  groupIds: readonly string[],
  respond: Respond<DeletedGroup[]>,
): void {
  const errors = new Map<string, ErrorName>();
  for (const groupId of groupIds) {
    if (!errors.has(groupId)) errors.set(groupId, deleteGroup(core, turn, groupId));
  }
  const results = Array.from(errors, ([groupId, error]) => ({ groupId, errorCode: errorCodes[error] }));
  turn.answer(respond, results);
}

function deleteGroup(core: GroupCore, turn: Turn, groupId: string): ErrorName {
  const group = core.groups.get(groupId);
  if (!group) return "GROUP_ID_NOT_FOUND";
  if (group.state !== "Empty") return "NON_EMPTY_GROUP";
  for (const key of everyOffset(core, groupId)) turn.records.push(offsetTombstone(key));
  turn.records.push(...tombstonesOf(group));
  return "NONE";
}

function tombstonesOf(group: Group): CoordinatorRecord[] {
  if (group.kind === "consumer") return consumerGroupTombstones(group);
  return group.kind === "streams" ? streamsGroupTombstones(group) : [groupTombstone(group.groupId)];
}

/** Partitions with an offset, committed or of an open transaction, each once. */
function* everyOffset(core: GroupCore, groupId: string): Generator<OffsetKey> {
  for (const [topic, partition] of core.offsets.committed(groupId)) yield { groupId, topic, partition };
  const seen = new Set<string>();
  for (const [topic, partition] of core.offsets.pending(groupId)) {
    const key = { groupId, topic, partition };
    const id = `${partition} ${topic}`;
    if (core.offsets.get(key) || seen.has(id)) continue;
    seen.add(id);
    yield key;
  }
}

export function deleteOffsets(
  core: GroupCore,
  turn: Turn,
  request: OffsetDeleteRequest,
  respond: Respond<OffsetDeleteResponse>,
): void {
  const group = core.groups.get(request.groupId);
  const error = checkOffsetDelete(group, request.groupId);
  if (!group || error !== "NONE") {
    turn.answer(respond, { errorCode: errorCodes[error], throttleTimeMs: 0, topics: [] });
    return;
  }
  const inUse = subscribedTopics(group);
  const deleted = new Set<string>();
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      const isInUse = inUse === undefined || inUse.has(name);
      const id = `${partitionIndex} ${name}`;
      if (!isInUse && !deleted.has(id)) {
        deleteOffset(core, turn, { groupId: request.groupId, topic: name, partition: partitionIndex });
      }
      deleted.add(id);
      return { partitionIndex, errorCode: isInUse ? errorCodes.GROUP_SUBSCRIBED_TO_TOPIC : errorCodes.NONE };
    }),
  }));
  turn.answer(respond, { errorCode: errorCodes.NONE, throttleTimeMs: 0, topics });
}

function checkOffsetDelete(group: Group | undefined, groupId: string): ErrorName {
  if (groupId === "") return "INVALID_GROUP_ID";
  if (!group) return "GROUP_ID_NOT_FOUND";
  const isReadable = isConsumerGroup(group) || group.kind === "streams";
  return group.state === "Empty" || isReadable ? "NONE" : "NON_EMPTY_GROUP";
}

function deleteOffset(core: GroupCore, turn: Turn, key: OffsetKey): void {
  if (core.offsets.get(key) || core.offsets.hasPending(key)) turn.records.push(offsetTombstone(key));
}

/** Forgets all groups' offsets in topics that are no more. */
export function deleteOffsetsOfTopics(core: GroupCore, turn: Turn, topics: ReadonlySet<string>): void {
  for (const groupId of core.groups.keys()) {
    for (const key of everyOffset(core, groupId)) if (topics.has(key.topic)) turn.records.push(offsetTombstone(key));
  }
}

/** A walk over all groups that removes what has expired, in steps of bounded size. */
export class ExpiryPass {
  readonly #core: GroupCore;
  #groups: Iterator<Group> | undefined = undefined;

  constructor(core: GroupCore) {
    this.#core = core;
  }

  /** Goes on with the pass, or starts one; true when it has come to its end. */
  continue(turn: Turn): boolean {
    this.#groups ??= this.#core.groups.values();
    while (turn.records.length < MAX_EXPIRED_PER_STEP) {
      const next = this.#groups.next();
      if (next.done) {
        this.#groups = undefined;
        return true;
      }
      expireGroup(this.#core, turn, next.value);
    }
    return false;
  }
}

function expireGroup(core: GroupCore, turn: Turn, group: Group): void {
  const { groupId } = group;
  const expires = expiryRule(core, group);
  let isAnyLeft = false;
  for (const [topic, partition, committed] of core.offsets.committed(groupId)) {
    const key = { groupId, topic, partition };
    if (expires(topic, committed, turn.now) && !core.offsets.hasPending(key)) turn.records.push(offsetTombstone(key));
    else isAnyLeft = true;
  }
  const isUnused = group.state === "Empty" && (group.kind !== "classic" || group.pendingMembers.size === 0);
  if (isUnused && !isAnyLeft && !core.offsets.hasOpenTransaction(groupId)) turn.records.push(...tombstonesOf(group));
}

type ExpiryRule = (topic: string, committed: CommittedOffset, now: number) => boolean;

/** Which of a group's offsets have expired (KIP-211): of an empty group all of them, some time after the last member
 * left; of a stable one those of topics that no member reads; of a group that never had members, and of one of the
 * consumer protocol, those that were committed long ago and nobody reads. */
function expiryRule({ config }: GroupCore, group: Group): ExpiryRule {
  const isExpired = (since: number, { expireTimestampMs }: CommittedOffset, now: number): boolean =>
    expireTimestampMs >= 0 ? now >= expireTimestampMs : now - since >= config.offsetsRetentionMs;
  if (group.kind !== "classic") {
    const inUse = subscribedTopics(group);
    return (topic, committed, now) => !inUse?.has(topic) && isExpired(committed.commitTimestampMs, committed, now);
  }
  if (group.protocolType === null) return (_, committed, now) => isExpired(committed.commitTimestampMs, committed, now);
  if (group.state === "Empty") {
    return (_, committed, now) => isExpired(group.stateSinceMs ?? committed.commitTimestampMs, committed, now);
  }
  const inUse = group.state === "Stable" && isConsumerGroup(group) ? subscribedTopics(group) : undefined;
  if (!inUse) return () => false;
  return (topic, committed, now) => !inUse.has(topic) && isExpired(committed.commitTimestampMs, committed, now);
}
