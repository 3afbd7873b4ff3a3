import type { TopicPartition } from "../types.ts";

/** One member of the group, as the assignor of its leader sees it. */
export interface GroupMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  /** What the member holds right now, by its own word; empty with eager members. */
  readonly ownedPartitions: readonly TopicPartition[];
  /** The generation in which it got `ownedPartitions`; -1 when unknown. */
  readonly generationId: number;
  readonly userData: Uint8Array | null;
}

export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[];
  readonly userData?: Uint8Array | null;
}

/** Topics' partitions, for an assignor. */
export interface AssignorCluster {
  /** The number of partitions; 0 when the topic does not exist. */
  partitionsOf(topic: string): number;
}

/** "eager" members give up everything before each rebalance; "cooperative" ones only what moves. */
export type RebalanceProtocol = "eager" | "cooperative";

/** Shares a group's partitions out. Runs at the member that leads the group. */
export interface Assignor {
  /** Goes over the wire; all members of a group need one name in common. */
  readonly name: string;
  /** What it can work with, best first. Default ["eager"]. With "cooperative", `assign` must not give a partition to a member
   * while another still owns it. */
  readonly protocols?: readonly RebalanceProtocol[];
  /** What this member tells the leader's assignor. */
  subscriptionUserData?(topics: readonly string[]): Uint8Array | null;
  /** Every member of `members` gets an entry. */
  assign(
    cluster: AssignorCluster,
    members: readonly GroupMember[],
  ): ReadonlyMap<string, MemberAssignment> | Promise<ReadonlyMap<string, MemberAssignment>>;
  /** What this member got, before its rebalance listener runs. */
  onAssignment?(
    assignment: MemberAssignment,
    generation: { readonly generationId: number; readonly memberId: string },
  ): void;
}
