/** Shares tasks out to workers: a task's partitions go together, evenly, and to where they were before when possible. */
import type { Assignor, AssignorCluster, GroupMember, MemberAssignment, TopicPartition } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import { decodeVersioned, encodeVersioned } from "../../protocol/codec.ts";
import type { Decoded, VersionedData } from "../../protocol/schema.ts";
import { type TaskId, taskName } from "../tasks/task-id.ts";
import type { Subtopology, Topology } from "../topology/topology.ts";
import { taskIds } from "./topic-plan.ts";

const taskFields = { subtopology: "int32", partition: "int32" } as const;

/** What each worker tells the leader. */
const workerData = {
  name: "OncillaStreamsWorker",
  versions: [0, 0],
  flexible: Number.POSITIVE_INFINITY,
  fields: {
    /** Tasks that the worker runs. */
    activeTasks: { array: taskFields },
    /** Tasks whose stores are on its disk. */
    localTasks: { array: taskFields },
    /** Counts up when the worker asks for a rebalance: the group takes an unchanged subscription for a repeated request. */
    rejoins: "int32",
  },
} as const satisfies VersionedData;

/** What the leader tells each worker: what the tasks were made of. */
const shareData = {
  name: "OncillaStreamsShare",
  versions: [0, 1],
  flexible: Number.POSITIVE_INFINITY,
  fields: {
    inputs: { array: { topic: "string", partitions: "int32" } },
    /** Which one reads each of them. Leaders of version 0 do not tell. */
    subtopologies: { array: "int32", versions: "1+" },
  },
} as const satisfies VersionedData;

type Share = Decoded<typeof shareData.fields>;

/** How many partitions each topic has that the topology reads, by its name on the cluster. */
export type Inputs = ReadonlyMap<string, number>;

interface WorkerTasks {
  readonly activeTasks: readonly TaskId[];
  readonly localTasks: readonly TaskId[];
}

/** What a worker got. */
export interface WorkerShare {
  /** Of whole tasks: all that there are of the topics that its topology puts together. */
  readonly partitions: readonly TopicPartition[];
  /** Whether the tasks were made of other inputs than the worker found at its start, or put together otherwise. */
  readonly isOutdated: boolean;
  /** Whether it also got parts of tasks. Another worker has the rest, and were both to go on, their stores would have two owners. */
  readonly isDivided: boolean;
}

export interface StreamsAssignorOptions {
  readonly topology: Topology;
  readonly applicationId: string;
  /** As this worker found them at its start. */
  readonly inputs: Inputs;
  /** This worker's tasks, asked before each rebalance. */
  readonly ownTasks: () => WorkerTasks & { readonly rejoins: number };
  readonly onAssignment: (share: WorkerShare) => void;
}

export function streamsAssignor(options: StreamsAssignorOptions): Assignor {
  const { topology, applicationId, ownTasks, onAssignment } = options;
  const topicsOf = (subtopology: Subtopology): string[] =>
    subtopology.sourceTopics.map((topic) => topology.topicName(applicationId, topic));
  /** By topic: those that its subtopology reads. */
  const together = new Map(
    topology.subtopologies.flatMap((each) => topicsOf(each).map((topic) => [topic, topicsOf(each)])),
  );
  const shareOf = (partitionsOf: (topic: string) => number): Share => {
    const read = topology.subtopologies.flatMap((each) => topicsOf(each).map((topic) => ({ topic, id: each.id })));
    // The same bytes for the same inputs.
    read.sort((a, b) => (a.topic < b.topic ? -1 : 1));
    return {
      inputs: read.map(({ topic }) => ({ topic, partitions: partitionsOf(topic) })),
      subtopologies: read.map(({ id }) => id),
    };
  };
  return {
    name: "oncilla-streams",
    protocols: ["eager"],
    subscriptionUserData: () => encodeVersioned(workerData, 0, ownTasks()),
    assign(cluster: AssignorCluster, members: readonly GroupMember[]): Map<string, MemberAssignment> {
      const workers = members.map(({ memberId, userData }) => ({ memberId, ...tasksIn(userData) }));
      const partitionsOf = (topic: string): number => cluster.partitionsOf(topic);
      const shares = shareTasks(taskIds(topology, applicationId, partitionsOf), workers);
      const partitionsOfTask = ({ subtopology, partition }: TaskId): TopicPartition[] =>
        topicsOf(defined(topology.subtopologies[subtopology]))
          .filter((topic) => partition < partitionsOf(topic))
          .map((topic) => ({ topic, partition }));
      const userData = encodeShare(shareOf(partitionsOf));
      return new Map(
        [...shares].map(([memberId, tasks]) => [memberId, { partitions: tasks.flatMap(partitionsOfTask), userData }]),
      );
    },
    onAssignment({ partitions, userData = null }): void {
      const given = new Set(partitions.map(({ topic, partition }) => `${topic}-${partition}`));
      const made = userData === null ? undefined : decodeVersioned(shareData, userData);
      const shared = new Map(made?.inputs.map(({ topic, partitions }) => [topic, partitions]));
      const isWhole = ({ topic, partition }: TopicPartition): boolean =>
        defined(together.get(topic)).every(
          (other) => partition >= (shared.get(other) ?? 0) || given.has(`${other}-${partition}`),
        );
      const known = partitions.filter(({ topic }) => together.has(topic));
      const whole = known.filter(isWhole);
      const expected = shareOf((topic) => options.inputs.get(topic) ?? 0);
      const isDivided = whole.length < known.length;
      const isOutdated = made !== undefined && (isDivided || !isAs(made, expected));
      onAssignment({ partitions: whole, isOutdated, isDivided });
    },
  };
}

function tasksIn(userData: Uint8Array | null): WorkerTasks {
  return userData === null ? { activeTasks: [], localTasks: [] } : decodeVersioned(workerData, userData);
}

function encodeShare(share: Share): Uint8Array {
  return encodeVersioned(shareData, 1, share);
}

/** Whether tasks were made as `expected`, as far as the leader tells. */
function isAs({ inputs, subtopologies }: Share, expected: Share): boolean {
  const made = { inputs, subtopologies: subtopologies.length > 0 ? subtopologies : expected.subtopologies };
  return Buffer.from(encodeShare(made)).equals(encodeShare(expected));
}

export interface Worker extends WorkerTasks {
  readonly memberId: string;
}

/**
 * Every task to one worker. The numbers of tasks differ by one at most; within that, a task stays where it runs, or else goes
 * where its state is, or else to the worker with the fewest tasks of its subtopology. Pure: the same for the same input.
 */
export function shareTasks(tasks: readonly TaskId[], workers: readonly Worker[]): Map<string, TaskId[]> {
  const sorted = [...workers].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const shares = new Shares(tasks, sorted);
  for (const worker of sorted) shares.claim(worker.memberId, worker.activeTasks);
  for (const worker of sorted) shares.claim(worker.memberId, worker.localTasks);
  shares.giveOutTheRest();
  return shares.byMember;
}

class Shares {
  readonly byMember = new Map<string, TaskId[]>();
  readonly #open: Map<string, TaskId>;
  readonly #least: number;
  /** How many workers may have one task more than the least. */
  #extras: number;

  constructor(tasks: readonly TaskId[], workers: readonly Worker[]) {
    this.#open = new Map(tasks.map((task) => [taskName(task), task]));
    this.#least = Math.floor(tasks.length / workers.length);
    this.#extras = tasks.length % workers.length;
    for (const { memberId } of workers) this.byMember.set(memberId, []);
  }

  claim(memberId: string, wanted: readonly TaskId[]): void {
    for (const task of wanted) {
      if (this.#open.has(taskName(task)) && this.#hasRoom(memberId)) this.#give(task, memberId);
    }
  }

  giveOutTheRest(): void {
    for (const task of [...this.#open.values()]) this.#give(task, this.#bestFor(task));
  }

  #hasRoom(memberId: string): boolean {
    const { length } = this.#of(memberId);
    return length < this.#least || (length === this.#least && this.#extras > 0);
  }

  #give(task: TaskId, memberId: string): void {
    const share = this.#of(memberId);
    if (share.length === this.#least) this.#extras--;
    share.push(task);
    this.#open.delete(taskName(task));
  }

  #bestFor({ subtopology }: TaskId): string {
    const load = (memberId: string): number => {
      const share = this.#of(memberId);
      return share.filter((task) => task.subtopology === subtopology).length * 10_000 + share.length;
    };
    const free = [...this.byMember.keys()].filter((memberId) => this.#hasRoom(memberId));
    return free.reduce((best, memberId) => (load(memberId) < load(best) ? memberId : best));
  }

  #of(memberId: string): TaskId[] {
    return defined(this.byMember.get(memberId));
  }
}
