/** Shares partitions out evenly while moving as few as possible. Pure. Source: KIP-54. */
import { defined } from "../../../platform/assert.ts";
import type { TopicPartition } from "../../types.ts";
import type { AssignorCluster, GroupMember } from "../assignor.ts";
import type { Claims } from "./claims.ts";
import { inOrder, partitionsOf, Shares } from "./members.ts";

export function shareOutSticky(
  cluster: AssignorCluster,
  members: readonly GroupMember[],
  claims: Claims,
): Map<string, TopicPartition[]> {
  const share = new StickyShare(cluster, members);
  share.keepOwned(claims);
  share.giveTheRest();
  share.balance();
  return share.result();
}

class StickyShare {
  readonly #members: readonly GroupMember[];
  readonly #partitions: readonly TopicPartition[];
  readonly #shares: Shares;
  readonly #topics: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #unassigned: TopicPartition[] = [];
  /** Partitions that came to their member just now: the first to move when balance asks for it. */
  readonly #new = new Set<TopicPartition>();

  constructor(cluster: AssignorCluster, members: readonly GroupMember[]) {
    this.#members = inOrder(members);
    this.#partitions = partitionsOf(cluster, members);
    this.#shares = new Shares(this.#members);
    this.#topics = new Map(members.map(({ memberId, topics }) => [memberId, new Set(topics)]));
  }

  keepOwned(claims: Claims): void {
    for (const partition of this.#partitions) {
      const owner = claims.ownerOf(partition);
      if (owner !== undefined && this.#wants(owner, partition)) this.#shares.give(owner, partition);
      else this.#unassigned.push(partition);
    }
  }

  /** To the least loaded member, those first that few members can take. */
  giveTheRest(): void {
    const takers = new Map(this.#partitions.map(({ topic }) => [topic, this.#takersOf(topic)]));
    const choices = ({ topic }: TopicPartition): number => takers.get(topic)?.length ?? 0;
    for (const partition of this.#unassigned.toSorted((a, b) => choices(a) - choices(b))) {
      this.#new.add(partition);
      this.#shares.give(this.#leastLoaded(takers.get(partition.topic) ?? []), partition);
    }
  }

  /** Moves partitions from the most loaded member to others that have at least two fewer, until there is none. Ends: each move
   * makes the sum of the squares of the loads smaller. */
  balance(): void {
    while (this.#fromMostLoaded().some((memberId) => this.#moveOneFrom(memberId)));
  }

  result(): Map<string, TopicPartition[]> {
    return new Map(this.#members.map(({ memberId }) => [memberId, this.#shares.of(memberId)]));
  }

  #moveOneFrom(memberId: string): boolean {
    const load = this.#loadOf(memberId);
    const share = this.#shares.of(memberId);
    const newFirst = [...share.filter((each) => this.#new.has(each)), ...share.filter((each) => !this.#new.has(each))];
    const takers = new Map<string, string>();
    for (const partition of newFirst) {
      let taker = takers.get(partition.topic);
      if (taker === undefined) {
        taker = this.#leastLoaded(this.#takersOf(partition.topic));
        takers.set(partition.topic, taker);
      }
      if (this.#loadOf(taker) > load - 2) continue;
      this.#shares.take(memberId, partition);
      this.#shares.give(taker, partition);
      this.#new.add(partition);
      return true;
    }
    return false;
  }

  #fromMostLoaded(): string[] {
    const memberIds = this.#members.map(({ memberId }) => memberId);
    return memberIds.sort((a, b) => this.#loadOf(b) - this.#loadOf(a));
  }

  #loadOf(memberId: string): number {
    return this.#shares.of(memberId).length;
  }

  #wants(memberId: string, { topic }: TopicPartition): boolean {
    return this.#topics.get(memberId)?.has(topic) ?? false;
  }

  #takersOf(topic: string): string[] {
    return this.#members
      .filter(({ memberId }) => this.#topics.get(memberId)?.has(topic))
      .map(({ memberId }) => memberId);
  }

  #leastLoaded(memberIds: readonly string[]): string {
    let best = defined(memberIds[0], "a topic that nobody wants");
    for (const memberId of memberIds) if (this.#loadOf(memberId) < this.#loadOf(best)) best = memberId;
    return best;
  }
}
