/** A world: simulated time, a network, machines, and those who watch. Everything in it follows from the seed. */

import { Dice } from "../../src/platform/dice.ts";
import type { LogLevel } from "../../src/platform/logger.ts";
import { speakClassically } from "../classic-protocol.ts";
import { Coverage } from "../coverage.ts";
import { Machine, type MachineSurroundings, type Process, type Program } from "./machine.ts";
import { SimulatedNetwork } from "./network.ts";
import { Scheduler } from "./scheduler.ts";
import { Trace, type TraceOptions } from "./trace.ts";

export interface LogLine {
  readonly host: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Errors by which a program may end under faults; anything else is a bug. */
const expectedErrors: ReadonlySet<string> = new Set([
  "OncillaError",
  "FencedError",
  "TimeoutError",
  "CommitFailedError",
  "OffsetOutOfRangeError",
  "BrokerError",
  "StreamsError",
  "ConnectError",
]);

export class World {
  readonly seed: number;
  readonly scheduler: Scheduler = new Scheduler();
  readonly coverage: Coverage = new Coverage();
  readonly trace: Trace | undefined;
  readonly network: SimulatedNetwork;
  readonly machines: Map<string, Machine> = new Map();
  /** What must never happen, whatever the faults. */
  readonly problems: string[] = [];
  /** Told of each log line. */
  readonly onLog: ((line: LogLine) => void)[] = [];
  /** Called once, when the next reader is told that more of a log is decided than anybody knew. */
  whenTold: (() => void) | undefined;
  /** No fault comes any more. */
  isQuiet = false;
  readonly #dice: Dice;
  /** How likely a process speaks the first transaction protocol: an id that goes from life to life may change between both. */
  readonly #classicProbability: number;

  constructor(seed: number, trace?: TraceOptions) {
    this.seed = seed;
    this.trace = trace && new Trace(() => this.scheduler.nowMs, trace);
    this.network = new SimulatedNetwork(this.scheduler, Dice.of(seed, "network"), this.trace);
    this.#dice = Dice.of(seed, "world");
    this.#classicProbability = this.#dice.pick([0, 0, 0.5, 1]);
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  dice(name: string): Dice {
    return Dice.of(this.seed, name);
  }

  /** The program is started with `machine.start()`. When it crashes it is started again. */
  addMachine(host: string, program: Program): Machine {
    const around: MachineSurroundings = {
      seed: this.seed,
      scheduler: this.scheduler,
      network: this.network,
      trace: this.trace,
      events: {
        started: (process) => this.#started(process),
        logged: (from, level, message, fields) => this.#logged({ host: from, level, message, fields }),
        exited: (machine, error) => this.#exited(machine, error),
        killedInWrite: () => this.coverage.hit("a process was killed in a write"),
      },
    };
    const machine = new Machine(host, program, around);
    this.machines.set(host, machine);
    return machine;
  }

  told(): void {
    const react = this.whenTold;
    this.whenTold = undefined;
    if (react) this.scheduler.schedule(0, react);
  }

  report(problem: string): void {
    this.trace?.note("world", `problem: ${problem}`);
    this.problems.push(problem);
  }

  #started({ platform, dice }: Process): void {
    if (dice.chance(this.#classicProbability)) speakClassically(platform);
  }

  #exited(machine: Machine, error: unknown): void {
    if (error !== undefined) this.#crashed(machine, error);
    if (machine.isWanted) machine.startLater(this.#dice.between(100, 2_000));
  }

  #crashed({ host }: Machine, error: unknown): void {
    const name = error instanceof Error ? error.name : "";
    if (expectedErrors.has(name)) this.coverage.hit(`a process ended by ${name} ${(error as { code?: string }).code}`);
    else this.report(`${host} crashed: ${error instanceof Error ? error.stack : String(error)}`);
  }

  #logged(line: LogLine): void {
    if (this.trace) this.trace.note(line.host, `${line.level}: ${line.message} ${show(line.fields)}`);
    if (line.level !== "debug") this.coverage.hit(withoutCase(line.message));
    for (const listener of this.onLog) listener(line);
  }
}

/** What follows a colon is about the one case, and so are names and numbers. */
function withoutCase(message: string): string {
  return (message.split(":", 1)[0] ?? "").replaceAll(/\S*\d\S*/g, "…");
}

function show(fields: Readonly<Record<string, unknown>>): string {
  const values = Object.entries(fields).map(([name, value]) => {
    if (value instanceof Error) return `${name}=${value.message}`;
    return `${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
  });
  return values.join(" ");
}
