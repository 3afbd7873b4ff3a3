/** A machine of the world: a host name, a disk, and a process that is started, killed and started again. */

import { Dice } from "../../src/platform/dice.ts";
import type { Logger, LogLevel } from "../../src/platform/logger.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { SimulatedDisk } from "./disk.ts";
import type { SimulatedNetwork } from "./network.ts";
import { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** What a program gets from its machine. */
export interface Process {
  readonly host: string;
  readonly life: Life;
  readonly platform: Platform;
  readonly logger: Logger;
  readonly dice: Dice;
  /** Asks for a clean end: the program is to return soon. */
  readonly stop: AbortSignal;
}

/** Returns when it has ended by itself; what it throws is its crash. */
export type Program = (process: Process) => Promise<void>;

export interface MachineEvents {
  /** Before the program runs. */
  started(process: Process): void;
  logged(host: string, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** The program ended by itself. */
  exited(machine: Machine, error: unknown): void;
  killedInWrite(machine: Machine): void;
}

export interface MachineSurroundings {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly trace: Trace | undefined;
  readonly events: MachineEvents;
}

/** Wall clocks differ by up to so much. */
const CLOCK_SKEW_MS = 500;

export class Machine {
  readonly host: string;
  readonly disk: SimulatedDisk;
  /** What else of the machine a power loss changes. */
  readonly onPowerLoss: ((dice: Dice) => void)[] = [];
  readonly #program: Program;
  readonly #around: MachineSurroundings;
  readonly #dice: Dice;
  #lives = 0;
  #life: Life | undefined;
  #stopping: AbortController | undefined;
  /** Whether a process is to run here, as soon as that is possible. */
  #isWanted = false;

  constructor(host: string, program: Program, around: MachineSurroundings) {
    this.host = host;
    this.#program = program;
    this.#around = around;
    this.#dice = Dice.of(around.seed, `machine ${host}`);
    this.disk = new SimulatedDisk(host, around.scheduler, Dice.of(around.seed, `disk ${host}`), around.trace);
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Undefined while nothing runs. */
  get life(): Life | undefined {
    return this.#life;
  }

  get lives(): number {
    return this.#lives;
  }

  start(): void {
    this.#isWanted = true;
    if (this.#life) return;
    this.#around.network.powerBack(this.host);
    const life = this.#newLife();
    this.#around.trace?.note(this.host, `starts, life ${life.number}`);
    const { stop, process } = this.#processOf(life);
    this.#stopping = stop;
    this.#around.events.started(process);
    this.#program(process).then(
      () => this.#exited(life, undefined),
      (error: unknown) => this.#exited(life, error),
    );
  }

  startLater(delayMs: number): void {
    this.#isWanted = true;
    this.#around.scheduler.schedule(delayMs, () => {
      if (this.#isWanted) this.start();
    });
  }

  /** As kill -9; with `losesPower` the whole machine goes down, and with it what its disk had not synced. */
  kill({ losesPower }: { readonly losesPower: boolean }): void {
    const life = this.#life;
    if (!life) return;
    this.#around.trace?.note(this.host, losesPower ? "loses power" : "killed");
    this.#end(life, losesPower);
  }

  #end(life: Life, losesPower: boolean): void {
    this.#life = undefined;
    const isReboot = losesPower || this.disk.needsReboot;
    if (isReboot) this.#around.network.powerLost(this.host);
    life.kill();
    if (!isReboot) return;
    this.disk.losePower(this.#dice.random);
    for (const lose of this.onPowerLoss) lose(this.#dice);
  }

  /** Kills the process before one of its next steps, and starts it again. */
  killAfter(steps: number, downMs: number, { losesPower }: { readonly losesPower: boolean }): void {
    this.#life?.killAfter(steps, () => {
      this.kill({ losesPower });
      if (this.#isWanted) this.startLater(downMs);
    });
  }

  /** A write that does not go to the disk: to a store, a database. It counts for those who wait to kill in one. */
  countWrite(): void {
    const { conditions } = this.disk;
    if (conditions.writesUntilKill > 0 && --conditions.writesUntilKill === 0) this.#killedInWrite();
  }

  /** Asks the process to end cleanly, and to stay away. */
  stop(): void {
    this.#isWanted = false;
    this.#around.trace?.note(this.host, "told to stop");
    this.#stopping?.abort();
  }

  #newLife(): Life {
    this.#lives++;
    const skewMs = this.#dice.between(-CLOCK_SKEW_MS, CLOCK_SKEW_MS);
    const life: Life = new Life({
      host: this.host,
      number: this.#lives,
      scheduler: this.#around.scheduler,
      clockSkewMs: skewMs,
      onUncaught: (error) => this.#exited(life, error ?? new Error("nothing was thrown")),
    });
    this.#life = life;
    return life;
  }

  #processOf(life: Life): { readonly stop: AbortController; readonly process: Process } {
    const { network, events } = this.#around;
    const stop = new AbortController();
    const dice = new Dice(Dice.of(this.#around.seed, `process ${this.host} ${life.number}`).random);
    const logger: Logger = {
      log: (level, message, fields = {}) => {
        if (life.isAlive) events.logged(this.host, level, message, fields);
      },
    };
    const platform: Platform = {
      clock: life.clock,
      disk: this.disk.portFor(life, () => this.#killedInWrite()),
      network: network.portFor(life),
      random: dice.random,
    };
    return { stop, process: { host: this.host, life, platform, logger, dice, stop: stop.signal } };
  }

  #killedInWrite(): void {
    this.#around.events.killedInWrite(this);
    const downMs = this.#dice.between(10, 3_000);
    this.kill({ losesPower: this.#dice.chance(0.5) });
    if (this.#isWanted) this.startLater(downMs);
  }

  #exited(life: Life, error: unknown): void {
    if (!life.isAlive) return;
    this.#around.trace?.note(this.host, error === undefined ? "ends" : `crashes: ${String(error)}`);
    this.#end(life, false);
    // It was through with its work.
    if (error === undefined && !this.#stopping?.signal.aborted) this.#isWanted = false;
    this.#around.events.exited(this, error);
  }
}
