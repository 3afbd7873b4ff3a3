/** The offsets that groups have committed, and those of open transactions, which count once these commit. */
import type { MarkerType } from "../../protocol/records/control.ts";
import type { OffsetKey } from "./records.ts";

export interface CommittedOffset {
  readonly offset: number;
  /** -1 when the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Ms since 1970. */
  readonly commitTimestampMs: number;
  /** Ms since 1970; -1 for offsets that expire by the broker's configuration. */
  readonly expireTimestampMs: number;
  /** The zero UUID when it was not known. */
  readonly topicId: string;
  /** Where the offset's record stands in `__consumer_offsets`. */
  readonly recordOffset: number;
}

/** Offsets of one group by topic and partition. No empty maps inside. */
type TopicOffsets = Map<string, Map<number, CommittedOffset>>;

interface GroupOffsets {
  readonly committed: TopicOffsets;
  /** By producer id. No empty maps inside. */
  readonly pending: Map<number, TopicOffsets>;
}

export class OffsetStore {
  /** No entries without any offset. */
  readonly #groups = new Map<string, GroupOffsets>();
  /** The groups that an open transaction has offsets for. */
  readonly #groupsOfProducer = new Map<number, Set<string>>();

  /** A group's committed offsets; those of open transactions are not among them. */
  *committed(groupId: string): Generator<[topic: string, partition: number, committed: CommittedOffset]> {
    yield* entries(this.#groups.get(groupId)?.committed);
  }

  get({ groupId, topic, partition }: OffsetKey): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.committed.get(topic)?.get(partition);
  }

  /** Partitions for which an open transaction has offsets, each at least once. */
  *pending(groupId: string): Generator<[topic: string, partition: number]> {
    for (const offsets of this.#groups.get(groupId)?.pending.values() ?? []) {
      for (const [topic, partition] of entries(offsets)) yield [topic, partition];
    }
  }

  hasPending({ groupId, topic, partition }: OffsetKey): boolean {
    for (const offsets of this.#groups.get(groupId)?.pending.values() ?? []) {
      if (offsets.get(topic)?.has(partition)) return true;
    }
    return false;
  }

  hasOpenTransaction(groupId: string): boolean {
    return (this.#groups.get(groupId)?.pending.size ?? 0) > 0;
  }

  hasAny(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  commit({ groupId, topic, partition }: OffsetKey, committed: CommittedOffset): void {
    put(this.#group(groupId).committed, topic, partition, committed);
  }

  /** Keeps an offset until the producer's transaction ends. */
  addPending(producerId: number, { groupId, topic, partition }: OffsetKey, committed: CommittedOffset): void {
    const { pending } = this.#group(groupId);
    put(getOrAdd(pending, producerId, newTopicOffsets), topic, partition, committed);
    getOrAdd(this.#groupsOfProducer, producerId, () => new Set<string>()).add(groupId);
  }

  /** Forgets an offset: the committed one, and what open transactions would make of it. */
  remove({ groupId, topic, partition }: OffsetKey): void {
    const group = this.#groups.get(groupId);
    if (!group) return;
    take(group.committed, topic, partition);
    for (const [producerId, offsets] of group.pending) {
      take(offsets, topic, partition);
      if (offsets.size === 0) this.#endTransaction(producerId, groupId, group);
    }
    this.#dropIfEmpty(groupId, group);
  }

  /** Ends a producer's transaction: its offsets now count, or are forgotten. */
  applyMarker(producerId: number, type: MarkerType): void {
    for (const groupId of this.#groupsOfProducer.get(producerId) ?? []) {
      const group = this.#group(groupId);
      const offsets = group.pending.get(producerId);
      if (type === "commit")
        for (const [topic, partition, offset] of entries(offsets)) settle(group, topic, partition, offset);
      this.#endTransaction(producerId, groupId, group);
      this.#dropIfEmpty(groupId, group);
    }
  }

  #group(groupId: string): GroupOffsets {
    return getOrAdd(this.#groups, groupId, () => ({ committed: newTopicOffsets(), pending: new Map() }));
  }

  #endTransaction(producerId: number, groupId: string, group: GroupOffsets): void {
    group.pending.delete(producerId);
    const groups = this.#groupsOfProducer.get(producerId);
    groups?.delete(groupId);
    if (groups?.size === 0) this.#groupsOfProducer.delete(producerId);
  }

  #dropIfEmpty(groupId: string, group: GroupOffsets): void {
    if (group.committed.size === 0 && group.pending.size === 0) this.#groups.delete(groupId);
  }
}

/** Makes a transaction's offset count, unless one was committed outside the transaction behind it in the log: the
 * log's order decides, so that compaction, which keeps only the last record of a key, changes nothing. */
function settle(group: GroupOffsets, topic: string, partition: number, offset: CommittedOffset): void {
  const present = group.committed.get(topic)?.get(partition);
  if (!present || offset.recordOffset > present.recordOffset) put(group.committed, topic, partition, offset);
}

function newTopicOffsets(): TopicOffsets {
  return new Map();
}

function* entries(offsets: TopicOffsets | undefined): Generator<[string, number, CommittedOffset]> {
  for (const [topic, partitions] of offsets ?? []) {
    for (const [partition, offset] of partitions) yield [topic, partition, offset];
  }
}

function put(offsets: TopicOffsets, topic: string, partition: number, offset: CommittedOffset): void {
  getOrAdd(offsets, topic, () => new Map<number, CommittedOffset>()).set(partition, offset);
}

function take(offsets: TopicOffsets, topic: string, partition: number): void {
  const partitions = offsets.get(topic);
  partitions?.delete(partition);
  if (partitions?.size === 0) offsets.delete(topic);
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
