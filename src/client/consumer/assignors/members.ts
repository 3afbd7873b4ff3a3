/** What the assignors share. Pure. */
import type { TopicPartition } from "../../types.ts";
import type { AssignorCluster, GroupMember, MemberAssignment } from "../assignor.ts";

/** In an order that all leaders would find: static members by their instance, before dynamic ones by their id. */
export function inOrder(members: readonly GroupMember[]): GroupMember[] {
  return [...members].sort((a, b) => compare(orderKey(a), orderKey(b)));
}

function orderKey({ groupInstanceId, memberId }: GroupMember): string {
  return groupInstanceId === null ? `1${memberId}` : `0${groupInstanceId}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** All topics that someone wants, sorted. */
export function topicsOf(members: readonly GroupMember[]): string[] {
  return [...new Set(members.flatMap(({ topics }) => topics))].sort(compare);
}

/** The partitions of all topics that someone wants, sorted. */
export function partitionsOf(cluster: AssignorCluster, members: readonly GroupMember[]): TopicPartition[] {
  return topicsOf(members).flatMap((topic) =>
    Array.from({ length: cluster.partitionsOf(topic) }, (_, partition) => ({ topic, partition })),
  );
}

/** Collects who gets what; every member has an entry. */
export class Shares {
  readonly #shares: Map<string, TopicPartition[]>;

  constructor(members: readonly GroupMember[]) {
    this.#shares = new Map(members.map(({ memberId }) => [memberId, []]));
  }

  of(memberId: string): TopicPartition[] {
    return this.#shares.get(memberId) ?? [];
  }

  give(memberId: string, partition: TopicPartition): void {
    this.of(memberId).push(partition);
  }

  take(memberId: string, partition: TopicPartition): void {
    const share = this.of(memberId);
    share.splice(share.indexOf(partition), 1);
  }

  toAssignments(): Map<string, MemberAssignment> {
    return new Map([...this.#shares].map(([memberId, partitions]) => [memberId, { partitions }]));
  }
}
