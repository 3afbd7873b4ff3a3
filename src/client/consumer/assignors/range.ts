import type { Assignor, AssignorCluster, GroupMember, MemberAssignment } from "../assignor.ts";
import { inOrder, Shares, topicsOf } from "./members.ts";

/** Shares out each topic by itself, in ranges: the same partition numbers of topics with equally many partitions go to the
 * same member, as joins need it. The first members get one more where it does not come out even. As the Java client's. */
export const rangeAssignor: Assignor = {
  name: "range",
  protocols: ["eager"],
  assign(cluster: AssignorCluster, members: readonly GroupMember[]): Map<string, MemberAssignment> {
    const shares = new Shares(members);
    const ordered = inOrder(members);
    for (const topic of topicsOf(members)) {
      const interested = ordered.filter(({ topics }) => topics.includes(topic));
      const count = cluster.partitionsOf(topic);
      const each = Math.floor(count / interested.length);
      const extra = count % interested.length;
      let next = 0;
      for (const [i, { memberId }] of interested.entries()) {
        const end = next + each + (i < extra ? 1 : 0);
        for (; next < end; next++) shares.give(memberId, { topic, partition: next });
      }
    }
    return shares.toAssignments();
  },
};
