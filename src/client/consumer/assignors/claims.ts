import type { TopicPartition } from "../../types.ts";
import type { GroupMember } from "../assignor.ts";

interface Claim {
  readonly generationId: number;
  /** More than one when members contradict each other. */
  readonly memberIds: string[];
}

/** Who holds which partition, by the members' own words. A claim of an older generation is void: its member missed a
 * rebalance in which the partition was given away. Pure. */
export class Claims {
  readonly #claims = new Map<string, Claim>();

  constructor(members: readonly GroupMember[]) {
    for (const { memberId, generationId, ownedPartitions } of members) {
      for (const partition of ownedPartitions) this.#add(nameOf(partition), memberId, generationId);
    }
  }

  /** The only member that holds the partition. */
  ownerOf(partition: TopicPartition): string | undefined {
    const claim = this.#claims.get(nameOf(partition));
    return claim?.memberIds.length === 1 ? claim.memberIds[0] : undefined;
  }

  /** Whether the member may have the partition without anyone giving it up first. */
  isFreeFor(memberId: string, partition: TopicPartition): boolean {
    const claim = this.#claims.get(nameOf(partition));
    return claim === undefined || (claim.memberIds.length === 1 && claim.memberIds[0] === memberId);
  }

  #add(name: string, memberId: string, generationId: number): void {
    const claim = this.#claims.get(name);
    if (claim?.generationId === generationId) claim.memberIds.push(memberId);
    else if (!claim || claim.generationId < generationId)
      this.#claims.set(name, { generationId, memberIds: [memberId] });
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
