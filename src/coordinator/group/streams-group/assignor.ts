/**
 * Divides a streams group's tasks: as many active ones for each member as for every other, of each subtopology and in
 * all, with as few moves as that takes; a task that moves goes where its state is, if it can. Standby tasks go to other
 * processes than the active one, to those that have them already, else to those with the least to do. Pure.
 */
import { defined } from "../../../platform/assert.ts";
import { Ladder } from "../consumer-group/assignors/ladder.ts";
import { contains, each, type PartitionSet } from "../partitions.ts";
import { type Tasks, taskKey } from "./tasks.ts";

export interface TaskAssignorMember {
  readonly memberId: string;
  readonly processId: string;
  /** What it should have had so far. */
  readonly target: Tasks;
}

export interface TaskAssignorInput {
  readonly members: readonly TaskAssignorMember[];
  readonly subtopologies: readonly {
    readonly subtopologyId: string;
    readonly taskCount: number;
    /** It has stores, and so something for standbys to keep. */
    readonly isStateful: boolean;
  }[];
  readonly standbyReplicas: number;
}

interface Share {
  readonly member: TaskAssignorMember;
  /** Active tasks, by subtopology. */
  readonly active: Map<string, Set<number>>;
  readonly standby: Map<string, Set<number>>;
  /** Active tasks in all. */
  count: number;
  standbyCount: number;
}

/** By member id; every member has an entry. */
export function assignTasks(input: TaskAssignorInput): ReadonlyMap<string, Tasks> {
  const shares = input.members.map((member): Share => {
    return { member, active: new Map(), standby: new Map(), count: 0, standbyCount: 0 };
  });
  if (shares.length > 0) {
    const total = input.subtopologies.reduce((sum, { taskCount }) => sum + taskCount, 0);
    const free = keep(input, shares);
    giveOut(shares, free, Math.floor(total / shares.length));
    even(input, shares);
    if (input.standbyReplicas > 0) addStandbys(input, shares);
  }
  const none: PartitionSet = new Map();
  return new Map(shares.map(({ member, active, standby }) => [member.memberId, { active, standby, warmup: none }]));
}

interface Task {
  readonly subtopologyId: string;
  readonly partition: number;
}

/** Members keep what they had. Gives the tasks that nobody had. */
function keep({ subtopologies }: TaskAssignorInput, shares: readonly Share[]): Task[] {
  const free: Task[] = [];
  const holders = new Map<string, Share>();
  for (const share of shares.toReversed()) {
    for (const [subtopologyId, partition] of each(share.member.target.active)) {
      holders.set(taskKey(subtopologyId, partition), share);
    }
  }
  for (const { subtopologyId, taskCount } of subtopologies) {
    for (let partition = 0; partition < taskCount; partition++) {
      const holder = holders.get(taskKey(subtopologyId, partition));
      if (holder) give(holder, { subtopologyId, partition });
      else free.push({ subtopologyId, partition });
    }
  }
  return free;
}

function give(share: Share, { subtopologyId, partition }: Task): void {
  const partitions = share.active.get(subtopologyId);
  if (partitions) partitions.add(partition);
  else share.active.set(subtopologyId, new Set([partition]));
  share.count++;
}

/** First to members that have a task's state, as far as their share goes in any case; then to those that have least. */
function giveOut(shares: readonly Share[], free: readonly Task[], fairShare: number): void {
  const ladder = new Ladder(shares);
  const giveTo = (share: Share, task: Task): void => {
    give(share, task);
    ladder.moved(share, share.count - 1);
  };
  const rest = free.filter((task) => {
    const share = shares.find((each) => each.count < fairShare && hasState(each.member, task));
    if (share) giveTo(share, task);
    return !share;
  });
  for (const task of rest) {
    const { least } = ladder;
    const warm = shares.find((each) => each.count === least.count && hasState(each.member, task));
    giveTo(warm ?? least, task);
  }
}

function hasState({ target }: TaskAssignorMember, { subtopologyId, partition }: Task): boolean {
  return contains(target.standby, subtopologyId, partition) || contains(target.warmup, subtopologyId, partition);
}

/** Moves tasks while a member has at least two more than another: in all, then of a subtopology where that changes nothing
 * in all. Each move brings two members closer to each other. */
function even({ subtopologies }: TaskAssignorInput, shares: readonly Share[]): void {
  const ladder = new Ladder(shares);
  while (ladder.most.count - ladder.least.count >= 2) {
    const { most, least } = ladder;
    const gapOf = (subtopologyId: string): number => countOf(most, subtopologyId) - countOf(least, subtopologyId);
    const [first, ...rest] = [...most.active.keys()];
    const widest = rest.reduce((widest, id) => (gapOf(id) > gapOf(widest) ? id : widest), defined(first));
    move(most, least, widest, ladder);
  }
  // What is moved for one subtopology may make room for a move of another.
  while (subtopologies.some(({ subtopologyId }) => evenOne(shares, subtopologyId, ladder)));
}

/** One move of a subtopology's task from a member with many to one with few, if that leaves the whole as even as it was. */
function evenOne(shares: readonly Share[], subtopologyId: string, ladder: Ladder<Share>): boolean {
  const sorted = shares.toSorted((a, b) => countOf(a, subtopologyId) - countOf(b, subtopologyId));
  const [least, most] = [defined(sorted[0]), defined(sorted.at(-1))];
  if (countOf(most, subtopologyId) - countOf(least, subtopologyId) < 2 || most.count <= least.count) return false;
  move(most, least, subtopologyId, ladder);
  return true;
}

function countOf({ active }: Share, subtopologyId: string): number {
  return active.get(subtopologyId)?.size ?? 0;
}

function move(from: Share, to: Share, subtopologyId: string, ladder: Ladder<Share>): void {
  const partitions = defined(from.active.get(subtopologyId));
  const preferred = [...partitions].find((partition) => hasState(to.member, { subtopologyId, partition }));
  const partition = preferred ?? Math.max(...partitions);
  partitions.delete(partition);
  if (partitions.size === 0) from.active.delete(subtopologyId);
  from.count--;
  ladder.moved(from, from.count + 1);
  give(to, { subtopologyId, partition });
  ladder.moved(to, to.count - 1);
}

function addStandbys({ subtopologies, standbyReplicas }: TaskAssignorInput, shares: readonly Share[]): void {
  const processes = Map.groupBy(shares, ({ member }) => member.processId);
  const used = new Map<string, Set<string>>();
  for (const { member, active } of shares) {
    for (const [subtopologyId, partition] of each(active)) {
      used.set(taskKey(subtopologyId, partition), new Set([member.processId]));
    }
  }
  for (const { subtopologyId, taskCount, isStateful } of subtopologies) {
    if (!isStateful) continue;
    for (let partition = 0; partition < taskCount; partition++) {
      const task = { subtopologyId, partition };
      const taken = used.get(taskKey(subtopologyId, partition)) ?? new Set<string>();
      for (let replica = 0; replica < standbyReplicas; replica++) {
        const process = pickProcess(processes, taken, task);
        if (!process) break;
        taken.add(defined(process[0]).member.processId);
        addStandby(process, task);
      }
    }
  }
}

/** One that has the task's state and no more to do than others by its half, else the one with least to do. */
function pickProcess(
  processes: ReadonlyMap<string, readonly Share[]>,
  taken: ReadonlySet<string>,
  task: Task,
): readonly Share[] | undefined {
  const candidates = [...processes].flatMap(([id, members]) => (taken.has(id) ? [] : [members]));
  const [first, ...rest] = candidates;
  if (!first) return undefined;
  const least = rest.reduce((least, each) => (loadOf(each) < loadOf(least) ? each : least), first);
  const hadIt = ({ member: { target } }: Share): boolean =>
    contains(target.standby, task.subtopologyId, task.partition) ||
    contains(target.active, task.subtopologyId, task.partition);
  const warm = candidates.filter((each) => each.some(hadIt));
  return warm.find((each) => loadOf(each) <= loadOf(least) + 1) ?? least;
}

/** Tasks for each member. */
function loadOf(process: readonly Share[]): number {
  return process.reduce((sum, { count, standbyCount }) => sum + count + standbyCount, 0) / process.length;
}

function addStandby(process: readonly Share[], { subtopologyId, partition }: Task): void {
  const had = process.find(({ member }) => contains(member.target.standby, subtopologyId, partition));
  const tasksOf = ({ count, standbyCount }: Share): number => count + standbyCount;
  const [first, ...rest] = process;
  const least = rest.reduce((least, each) => (tasksOf(each) < tasksOf(least) ? each : least), defined(first));
  const share = had ?? least;
  const partitions = share.standby.get(subtopologyId);
  if (partitions) partitions.add(partition);
  else share.standby.set(subtopologyId, new Set([partition]));
  share.standbyCount++;
}
