import type { Assignor, AssignorCluster, GroupMember, MemberAssignment } from "../assignor.ts";
import { inOrder, partitionsOf, Shares } from "./members.ts";

/** Deals all partitions of all topics out, one after the other. As the Java client's. */
export const roundRobinAssignor: Assignor = {
  name: "roundrobin",
  protocols: ["eager"],
  assign(cluster: AssignorCluster, members: readonly GroupMember[]): Map<string, MemberAssignment> {
    const shares = new Shares(members);
    const ordered = inOrder(members);
    let turn = 0;
    for (const partition of partitionsOf(cluster, members)) {
      // Ends: someone wants each topic that is dealt out.
      while (!ordered[turn % ordered.length]?.topics.includes(partition.topic)) turn++;
      shares.give(ordered[turn % ordered.length]?.memberId ?? "", partition);
      turn++;
    }
    return shares.toAssignments();
  },
};
