import { defined } from "../../../../platform/assert.ts";
import { contains, each } from "../../partitions.ts";
import { type Assignor, type AssignorInput, type AssignorMember, Draft } from "./assignor.ts";
import { Ladder } from "./ladder.ts";

/**
 * As many partitions for each member as for every other, as far as subscriptions allow, with as few moves as that takes.
 * Members keep what they had; what is left over goes to those that have least; then partitions move from those that have
 * most to those that have least, until no move makes it more even.
 */
export const uniformAssignor: Assignor = {
  name: "uniform",
  assign(input) {
    const members = input.members.map((member) => ({ member, count: 0 }));
    const classes = classesOf(input, members);
    for (const each of classes) keep(each);
    // Partitions with few readers first: the others can make up for them.
    classes.sort((a, b) => a.readers.length - b.readers.length);
    for (const each of classes) giveOut(each);
    while (classes.map(even).includes(true));
    return draftOf(classes);
  },
};

interface Share {
  readonly member: AssignorMember;
  /** Partitions that it has, of all classes. */
  count: number;
}

interface TopicPartition {
  readonly topicId: string;
  readonly partition: number;
}

/** Topics that the same members read. There is one class where all members read the same. */
interface TopicClass {
  readonly readers: readonly Share[];
  readonly topics: ReadonlyMap<string, number>;
  /** What each reader has of these topics. */
  readonly held: ReadonlyMap<Share, TopicPartition[]>;
}

function classesOf({ topics }: AssignorInput, shares: readonly Share[]): TopicClass[] {
  const classes = new Map<string, { readers: readonly Share[]; topics: Map<string, number> }>();
  for (const [topicId, partitionCount] of topics) {
    const readers = shares.filter(({ member }) => member.topicIds.has(topicId));
    const key = readers.length === shares.length ? "all" : readers.map(({ member }) => member.memberId).join("\n");
    const found = classes.get(key) ?? { readers, topics: new Map<string, number>() };
    if (readers.length > 0) classes.set(key, found);
    found.topics.set(topicId, partitionCount);
  }
  return Array.from(classes.values(), (each) => ({ ...each, held: new Map(each.readers.map((share) => [share, []])) }));
}

/** Members keep what they had and still read. */
function keep({ readers, topics, held }: TopicClass): void {
  const taken = new Map<string, Map<number, Share>>();
  for (const share of readers) {
    for (const [topicId, partition] of each(share.member.target)) {
      if (partition >= (topics.get(topicId) ?? 0) || contains(taken, topicId, partition)) continue;
      const partitions = taken.get(topicId) ?? new Map<number, Share>();
      taken.set(topicId, partitions.set(partition, share));
      give(held, share, { topicId, partition });
    }
  }
}

function give(held: TopicClass["held"], share: Share, partition: TopicPartition): void {
  defined(held.get(share)).push(partition);
  share.count++;
}

/** What nobody has goes to the reader that has least. */
function giveOut({ readers, topics, held }: TopicClass): void {
  const taken = new Map<string, Set<number>>(Array.from(topics.keys(), (topicId) => [topicId, new Set()]));
  for (const partitions of held.values()) {
    for (const { topicId, partition } of partitions) taken.get(topicId)?.add(partition);
  }
  const ladder = new Ladder(readers);
  for (const [topicId, partitionCount] of topics) {
    for (let partition = 0; partition < partitionCount; partition++) {
      if (taken.get(topicId)?.has(partition)) continue;
      const { least } = ladder;
      give(held, least, { topicId, partition });
      ladder.moved(least, least.count - 1);
    }
  }
}

/** Moves partitions while a reader that has some has at least two more than another one; says whether it did. Each move
 * brings two members closer to each other, so that repetition over all classes ends. */
function even({ readers, held }: TopicClass): boolean {
  const receivers = new Ladder(readers);
  const donors = new Ladder(readers.filter((share) => defined(held.get(share)).length > 0));
  let hasMoved = false;
  while (!donors.isEmpty && donors.most.count - receivers.least.count >= 2) {
    const { most } = donors;
    const { least } = receivers;
    const partitions = defined(held.get(most));
    give(held, least, defined(partitions.pop()));
    donors.moved(least, least.count - 1);
    receivers.moved(least, least.count - 1);
    if (partitions.length === 0) donors.remove(most);
    most.count--;
    donors.moved(most, most.count + 1);
    receivers.moved(most, most.count + 1);
    hasMoved = true;
  }
  return hasMoved;
}

function draftOf(classes: readonly TopicClass[]): ReturnType<Assignor["assign"]> {
  const draft = new Draft();
  for (const { held } of classes) {
    for (const [{ member }, partitions] of held) {
      for (const { topicId, partition } of partitions) draft.add(member.memberId, topicId, partition);
    }
  }
  return draft.result;
}
