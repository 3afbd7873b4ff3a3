/** One world, from its seed to the verdict. */

import { invariants, type Violation, violationsIn } from "../../src/cli/verify/check/index.ts";
import { type Evidence, nameOf } from "../../src/cli/verify/check/invariant.ts";
import { History } from "../../src/cli/verify/history.ts";
import type { Admin, TopicPartition } from "../../src/client/index.ts";
import type { Coverage } from "../coverage.ts";
import { FaultInjector } from "../faults/injector.ts";
import { drawFaults, type Fault, type FaultKind, faultKinds } from "../faults/schedule.ts";
import { observe } from "../probes.ts";
import { readStoredPartitions } from "../stored-partitions.ts";
import { checkAnswers } from "../wire-checks.ts";
import { addBroker, DATA_DIR } from "../workloads/broker.ts";
import { drawWorkloads } from "../workloads/index.ts";
import { addObserver, addReader, readAll } from "../workloads/readers.ts";
import { connect, pause, type TopicPlan, type Workload } from "../workloads/workload.ts";
import type { Machine, Program } from "../world/machine.ts";
import type { TraceOptions } from "../world/trace.ts";
import { World } from "../world/world.ts";
import { Liveness, Stuck } from "./liveness.ts";
import { watchBroker } from "./operator.ts";

export interface RunOptions {
  readonly seed: number;
  /** Default: all. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Instead of those drawn from the seed. */
  readonly faults?: readonly Fault[] | undefined;
  /** Default: not traced, which is faster and changes nothing. */
  readonly trace?: TraceOptions | undefined;
}

export interface Outcome {
  readonly seed: number;
  readonly workloads: readonly string[];
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly coverage: Coverage;
  readonly simulatedMs: number;
  readonly events: number;
  /** With a trace only. */
  readonly lastEvents: readonly string[];
  readonly digest: string;
}

export async function run(options: RunOptions): Promise<Outcome> {
  const world = new World(options.seed, options.trace);
  observe(world);
  checkAnswers(world);
  const onRejection = (error: unknown): void =>
    world.report(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  process.on("unhandledRejection", onRejection);
  try {
    return await new Run(world, options).toTheEnd();
  } finally {
    process.off("unhandledRejection", onRejection);
  }
}

class Run {
  readonly #world: World;
  readonly #options: RunOptions;
  readonly #history = new History();
  readonly #liveness: Liveness;
  readonly #broker: Machine;
  readonly #workloads: readonly Workload[];
  readonly #topics: readonly TopicPlan[];
  /** Those of which every record stays. */
  readonly #kept: readonly TopicPlan[];
  readonly #committed = new Map<string, Map<string, number>>();
  #faults: readonly Fault[] = [];

  constructor(world: World, options: RunOptions) {
    this.#world = world;
    this.#options = options;
    this.#liveness = new Liveness(world);
    this.#broker = addBroker(world);
    this.#workloads = drawWorkloads({ world, history: this.#history });
    this.#topics = this.#workloads.flatMap(({ topics }) => topics);
    this.#kept = this.#topics.filter(({ isCompacted = false }) => !isCompacted);
    watchBroker(world, this.#broker);
  }

  async toTheEnd(): Promise<Outcome> {
    const violations = await this.#violations();
    for (const { outcome } of this.#history.transactions) this.#world.coverage.hit(`transactions: outcome ${outcome}`);
    const { trace, problems, coverage, nowMs, seed } = this.#world;
    const contradictions = problems.slice(0, 5).map((message) => ({ invariant: "no contradiction", message }));
    return {
      seed,
      workloads: this.#workloads.map(({ name }) => name),
      faults: this.#faults,
      violations: [...contradictions, ...violations],
      coverage,
      simulatedMs: nowMs,
      events: this.#world.scheduler.eventsRun,
      lastEvents: trace?.last() ?? [],
      digest: trace?.digest() ?? "",
    };
  }

  async #violations(): Promise<readonly Violation[]> {
    try {
      await this.#setUp();
      await this.#underFaults();
      await this.#comeToRest();
      await this.#crashOnceMore();
      await this.#settle();
      await this.#verify();
      await this.#stopBroker();
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      return [{ invariant: this.#liveness.name, message: error.message }];
    }
    return violationsIn(this.#evidence(), [...invariants, ...this.#workloads.flatMap((each) => each.invariants)]);
  }

  async #setUp(): Promise<void> {
    this.#broker.start();
    await this.#complete("set-up", async (process) => {
      const client = connect(process);
      await client.admin().createTopics(this.#topics);
      await client.close();
    });
  }

  async #underFaults(): Promise<void> {
    const world = this.#world;
    const observers = [
      addReader(world, this.#history, this.#kept, "read_committed"),
      addReader(world, this.#history, this.#kept, "read_uncommitted"),
      addObserver(world, this.#history, this.#topics),
    ];
    const machines = [...this.#workloads.flatMap((each) => each.machines), ...observers];
    const injector = new FaultInjector(world, this.#broker);
    const dice = world.dice("faults");
    const windowMs = dice.pick([3_000, 8_000, 8_000, 25_000]);
    for (const machine of machines) {
      const own = world.dice(machine.host);
      // Some come when the others are at work for long.
      machine.startLater(own.between(0, own.chance(0.8) ? 1_000 : windowMs));
    }
    const { kinds = faultKinds, faults } = this.#options;
    this.#faults = faults ?? drawFaults(dice, { kinds, hosts: machines.map(({ host }) => host), windowMs });
    injector.schedule(this.#faults);
    const endsAtMs = world.nowMs + windowMs;
    await world.scheduler.runUntil(() => world.problems.length > 0, endsAtMs);
    injector.calm();
    world.isQuiet = true;
    world.trace?.note("world", "quiet");
  }

  async #comeToRest(): Promise<void> {
    await this.#liveness.until(
      () => this.#workloads.every((each) => each.isDone()),
      () => {
        const busy = this.#workloads.filter((each) => !each.isDone());
        return `not done: ${busy.map(({ name }) => name).join(", ")}`;
      },
    );
    const clients = [...this.#world.machines.values()].filter((each) => each !== this.#broker);
    for (const machine of clients) machine.stop();
    await this.#liveness.until(
      () => clients.every((each) => !each.isRunning),
      () => `these do not stop: ${clients.filter((each) => each.isRunning).map(({ host }) => host)}`,
    );
  }

  /** What was acknowledged until now must survive this too. */
  async #crashOnceMore(): Promise<void> {
    const losesPower = this.#world.dice("last crash").chance(0.7);
    this.#broker.kill({ losesPower });
    this.#broker.start();
    await this.#world.scheduler.runUntil(() => false, this.#world.nowMs + 1_000);
  }

  /** Every transaction is decided in the end, also those that nobody ends. */
  async #settle(): Promise<void> {
    await this.#complete("settler", async (process) => {
      const client = connect(process);
      const admin = client.admin();
      while ((await undecidedPartitions(admin)).length > 0) await pause(process, 200, 400);
      await client.close();
    });
  }

  async #verify(): Promise<void> {
    for (const isolation of ["read_committed", "read_uncommitted"] as const) {
      await this.#complete(`verifier-${isolation === "read_committed" ? "rc" : "ru"}`, (process) =>
        readAll(process, this.#history, this.#kept, isolation),
      );
    }
    await this.#complete("verifier-groups", async (process) => {
      const client = connect(process);
      for (const group of this.#workloads.flatMap(({ groups }) => groups)) {
        const offsets = await client.admin().listConsumerGroupOffsets(group, { requireStable: true });
        this.#committed.set(group, new Map(offsets.map((each) => [nameOf(each), each.offset])));
      }
      await client.close();
    });
  }

  /** Nothing is under way on its disk any more. */
  async #stopBroker(): Promise<void> {
    this.#broker.stop();
    await this.#liveness.until(
      () => !this.#broker.isRunning,
      () => "the broker does not stop",
    );
  }

  #evidence(): Evidence {
    const stored = readStoredPartitions(this.#broker.disk.contents, DATA_DIR);
    return {
      history: this.#history,
      stored: new Map(stored.map((each) => [nameOf(each), each])),
      committed: this.#committed,
    };
  }

  /** Runs a program to its end. */
  async #complete(host: string, program: Program): Promise<void> {
    let isDone = false;
    const machine = this.#world.addMachine(host, async (process) => {
      await program(process);
      isDone = true;
    });
    machine.start();
    await this.#liveness.until(
      () => isDone,
      () => `${host} does not end`,
    );
  }
}

/** Whose last stable offset is behind the high watermark. */
async function undecidedPartitions(admin: Admin): Promise<TopicPartition[]> {
  const topics = await admin.describeTopics(await admin.listTopics({ includeInternal: true }));
  const queries = topics.flatMap(({ partitions }) => partitions.map((each) => ({ ...each, spec: "latest" as const })));
  const [ends, stableEnds] = [
    await admin.listOffsets(queries, { isolationLevel: "read_uncommitted" }),
    await admin.listOffsets(queries, { isolationLevel: "read_committed" }),
  ];
  const stable = new Map(stableEnds.map((end) => [nameOf(end), end.offset]));
  return ends.filter((end) => (stable.get(nameOf(end)) ?? 0) < end.offset);
}
