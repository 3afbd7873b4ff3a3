import type { Assignor, AssignorMember } from "./assignor.ts";
import { Draft } from "./assignor.ts";

/** Each topic's partitions in ranges, one for each of its readers in the order of their names. So topics with the same
 * number of partitions and the same readers are divided alike: partition 3 of both is with one member. */
export const rangeAssignor: Assignor = {
  name: "range",
  assign({ members, topics }) {
    const draft = new Draft();
    const sorted = [...members].sort(compare);
    for (const [topicId, partitionCount] of topics) {
      const readers = sorted.filter((member) => member.topicIds.has(topicId));
      for (const [index, { memberId }] of readers.entries()) {
        const end = startOf(index + 1, readers.length, partitionCount);
        for (let p = startOf(index, readers.length, partitionCount); p < end; p++) draft.add(memberId, topicId, p);
      }
    }
    return draft.result;
  },
};

/** Where a reader's range begins: the first ones have one partition more. */
function startOf(index: number, readerCount: number, partitionCount: number): number {
  const larger = partitionCount % readerCount;
  return index * Math.floor(partitionCount / readerCount) + Math.min(index, larger);
}

/** Static members first, by the names that stay theirs. */
function compare(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return a.instanceId < b.instanceId ? -1 : 1;
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return a.memberId < b.memberId ? -1 : 1;
}
