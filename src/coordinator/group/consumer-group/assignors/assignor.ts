import type { PartitionSet } from "../../partitions.ts";

/** A member as an assignor sees it. */
export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** The topics that it reads, by id; all of them are in `topics`. */
  readonly topicIds: ReadonlySet<string>;
  /** What it should have had so far; topics of it may be gone. */
  readonly target: PartitionSet;
}

export interface AssignorInput {
  readonly members: readonly AssignorMember[];
  /** Partition counts of the topics that anybody reads, by topic id. */
  readonly topics: ReadonlyMap<string, number>;
}

/** Divides partitions among members: every partition of a topic that somebody reads goes to one who reads it. Pure. */
export interface Assignor {
  readonly name: string;
  /** By member id; members may be left out that get nothing. */
  assign(input: AssignorInput): ReadonlyMap<string, PartitionSet>;
}

/** An assignment in the making. */
export class Draft {
  readonly #sets: Map<string, Map<string, Set<number>>> = new Map();

  add(memberId: string, topicId: string, partition: number): void {
    const topics = this.#sets.get(memberId) ?? new Map<string, Set<number>>();
    this.#sets.set(memberId, topics);
    const partitions = topics.get(topicId);
    if (partitions) partitions.add(partition);
    else topics.set(topicId, new Set([partition]));
  }

  get result(): ReadonlyMap<string, PartitionSet> {
    return this.#sets;
  }
}
