/** What a round is kept busy with: topics, processes, and what must hold beyond the logs themselves. */
import { join } from "node:path";
import type { Dice } from "../../platform/dice.ts";
import type { Invariant } from "./check/invariant.ts";
import { ExactlyOncePipeline } from "./check/pipeline-invariants.ts";
import { TableEqualsLog } from "./check/sink-invariants.ts";
import { StoreEqualsChangelog, WordCounts } from "./check/streams-invariants.ts";
import { STORE } from "./programs/count.ts";
import { readRows } from "./remains.ts";
import { StoreSnapshots } from "./store-snapshots.ts";
import type { Task, TopicPlan, WorkloadName } from "./tasks.ts";

export interface ProcessPlan {
  readonly name: string;
  readonly task: Task;
  /** Those who feed are stopped before those who work on what they fed. */
  readonly role: "feed" | "work";
  /** Called before each start. */
  readonly beforeStart?: () => void;
}

/** A group, and what it has to read to the end, in the order in which the work goes through. */
interface Reading {
  readonly group: string;
  readonly topics: readonly string[];
}

export interface Workload {
  readonly name: WorkloadName;
  readonly topics: readonly TopicPlan[];
  readonly processes: readonly ProcessPlan[];
  readonly readings: readonly Reading[];
  readonly invariants: readonly Invariant[];
}

export interface Surroundings {
  /** In front of the names of topics, groups and transactional ids. */
  readonly prefix: string;
  /** For files of the round. */
  readonly folder: string;
  readonly dice: Dice;
}

const factories: Readonly<Record<WorkloadName, (surroundings: Surroundings) => Omit<Workload, "name">>> = {
  idempotent,
  transactions,
  pipeline,
  "word-count": wordCount,
  sink,
};

export function createWorkload(name: WorkloadName, surroundings: Surroundings): Workload {
  return { name, ...factories[name](surroundings) };
}

/** Producers without transactions: what they are acknowledged is there once, in order, whatever was sent again. */
function idempotent({ prefix, dice }: Surroundings): Omit<Workload, "name"> {
  const topic = { topic: `${prefix}plain`, partitions: dice.int(1, 4) };
  return {
    topics: [topic],
    processes: [1, 2].map((number) => ({
      name: `plain-${number}`,
      task: { program: "produce", ...topic, inTransactions: false, inWords: false },
      role: "feed",
    })),
    readings: [],
    invariants: [],
  };
}

/** Transactions over several topics: committed, aborted, left open, and fought over by two processes that use one id. */
function transactions({ prefix, dice }: Surroundings): Omit<Workload, "name"> {
  const topics: TopicPlan[] = [
    { topic: `${prefix}ledger`, partitions: dice.int(2, 4) },
    { topic: `${prefix}audit`, partitions: 1 },
  ];
  const process = (name: string, id: string): ProcessPlan => ({
    name,
    task: { program: "transact", transactionalId: `${prefix}${id}`, topics },
    role: "feed",
  });
  return {
    topics,
    // Somebody thought that the first one was dead.
    processes: [process("txn-1", "txn-1"), process("txn-1-twin", "txn-1"), process("txn-2", "txn-2")],
    readings: [],
    invariants: [],
  };
}

/** Consume, transform, produce: workers of a group turn each order into one invoice. */
function pipeline({ prefix, dice }: Surroundings): Omit<Workload, "name"> {
  const input = { topic: `${prefix}orders`, partitions: dice.int(2, 5) };
  const output = { topic: `${prefix}invoices`, partitions: dice.int(1, 3) };
  const group = `${prefix}billing`;
  return {
    topics: [input, output],
    processes: [
      feed("orders-feed", input, dice),
      ...[1, 2, 3].map(
        (number): ProcessPlan => ({
          name: `billing-${number}`,
          task: { program: "invoice", input: input.topic, output, group, transactionalId: `${group}-${number}` },
          role: "work",
        }),
      ),
    ],
    readings: [{ group, topics: [input.topic] }],
    invariants: [new ExactlyOncePipeline({ input: input.topic, output: output.topic, group })],
  };
}

/** Word count with Streams: stores on disk, changelogs, a repartition topic. */
function wordCount({ prefix, folder, dice }: Surroundings): Omit<Workload, "name"> {
  const lines = { topic: `${prefix}lines`, partitions: dice.int(2, 4) };
  const counts = { topic: `${prefix}word-counts`, partitions: dice.int(1, 3) };
  const application = `${prefix}word-count`;
  const snapshots = new StoreSnapshots(join(folder, "snapshots"), STORE);
  return {
    topics: [lines, counts],
    processes: [
      feed("lines-feed", lines, dice, true),
      ...[1, 2].map((number): ProcessPlan => {
        const name = `counter-${number}`;
        const stateDir = join(folder, name);
        snapshots.watch(stateDir);
        return {
          name,
          task: { program: "count", lines: lines.topic, counts: counts.topic, application, stateDir },
          role: "work",
          // What the last life left behind, before the next one mends it.
          beforeStart: () => snapshots.take(stateDir),
        };
      }),
    ],
    readings: [{ group: application, topics: [lines.topic, `${application}-${STORE}-repartition`] }],
    invariants: [
      new WordCounts({ lines: lines.topic, counts: counts.topic, application }),
      new StoreEqualsChangelog({
        changelog: `${application}-${STORE}-changelog`,
        commits: () => snapshots.all(),
      }),
    ],
  };
}

/** Records into a table of SQLite, by two workers that share it. */
function sink({ prefix, folder, dice }: Surroundings): Omit<Workload, "name"> {
  const topic = { topic: `${prefix}payments`, partitions: dice.int(2, 4) };
  const group = `${prefix}payments-to-table`;
  const database = join(folder, "payments.sqlite");
  return {
    topics: [topic],
    processes: [
      feed("payments-feed", topic, dice),
      ...[1, 2].map(
        (number): ProcessPlan => ({
          name: `sink-${number}`,
          task: { program: "store", topic: topic.topic, group, database },
          role: "work",
        }),
      ),
    ],
    readings: [{ group, topics: [topic.topic] }],
    invariants: [new TableEqualsLog({ topic: topic.topic, rows: () => readRows(database) })],
  };
}

/** Input for those who work: plain, or in transactions of which some are aborted. */
function feed(name: string, topic: TopicPlan, dice: Dice, inWords = false): ProcessPlan {
  return { name, task: { program: "produce", ...topic, inTransactions: dice.chance(0.5), inWords }, role: "feed" };
}
