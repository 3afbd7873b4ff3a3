import type { TopicPartition } from "../../types.ts";
import type { Assignor, AssignorCluster, GroupMember, MemberAssignment } from "../assignor.ts";
import { Claims } from "./claims.ts";
import { shareOutSticky } from "./sticky.ts";

/** Balanced, and members keep what they have where balance allows it. A partition that moves is first taken from the member
 * that has it, and given away in the rebalance that follows: members go on with the rest meanwhile (KIP-429). */
export const cooperativeStickyAssignor: Assignor = {
  name: "cooperative-sticky",
  protocols: ["cooperative", "eager"],
  assign(cluster: AssignorCluster, members: readonly GroupMember[]): Map<string, MemberAssignment> {
    const claims = new Claims(members);
    const assignments = new Map<string, MemberAssignment>();
    for (const [memberId, partitions] of shareOutSticky(cluster, members, claims)) {
      const isFree = (partition: TopicPartition): boolean => claims.isFreeFor(memberId, partition);
      assignments.set(memberId, { partitions: partitions.filter(isFree) });
    }
    return assignments;
  },
};
