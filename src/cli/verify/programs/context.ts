/** What a program finds around it. */
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientOptions, OncillaError } from "../../../client/index.ts";
import { Dice } from "../../../platform/dice.ts";
import { nodePlatform } from "../../../platform/node/index.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Reporter } from "../../processes/reporter.ts";
import { CuttingNetwork } from "../cutting-network.ts";
import { Journal } from "../journal.ts";
import type { Flaw, ParentMessage, ProcessConfig } from "../tasks.ts";

/** Of all writes and of all chunks that arrive. */
const CUT_PROBABILITY = 1 / 80;
const REPORT_INTERVAL_MS = 200;

export class ProgramContext {
  readonly name: string;
  /** Counts the starts of the process, from 1 on. */
  readonly life: number;
  readonly brokers: string;
  readonly flaw: Flaw | undefined;
  readonly dice: Dice;
  readonly journal: Journal;
  readonly platform: Platform;
  readonly stop: AbortSignal;
  readonly counters = { sent: 0, acknowledged: 0, committed: 0, aborted: 0, read: 0, written: 0, cuts: 0 };
  readonly #network: CuttingNetwork;
  readonly #reporter: Reporter;

  constructor(config: ProcessConfig, reporter: Reporter, stop: AbortSignal) {
    this.name = config.name;
    this.life = config.life;
    this.brokers = config.brokers;
    this.flaw = config.flaw;
    this.dice = Dice.of(config.seed, `${config.name} ${config.life}`);
    this.journal = new Journal(config.journals, config.name);
    this.stop = stop;
    const networkDice = Dice.of(config.seed, `network of ${config.name} ${config.life}`);
    this.#network = new CuttingNetwork(nodePlatform.network, () => networkDice.chance(CUT_PROBABILITY));
    this.#network.isCalm = config.isCalm;
    this.platform = { ...nodePlatform, network: this.#network };
    this.#reporter = reporter;
    process.on("message", (message: ParentMessage) => this.#onMessage(message));
    setInterval(() => this.report(), REPORT_INTERVAL_MS).unref();
  }

  connect(options: Partial<ClientOptions> = {}): Client {
    return new Client({
      brokers: this.brokers,
      clientId: this.name,
      requestTimeoutMs: this.dice.int(3_000, 10_000),
      connectTimeoutMs: 3_000,
      platform: this.platform,
      ...options,
    });
  }

  /** It is connected, or about to be: faults may come. */
  ready(): void {
    this.#reporter.ready();
  }

  report(): void {
    this.#reporter.progress({ ...this.counters, cuts: this.#network.cuts });
  }

  /** Ends early when the program is to stop. */
  async pause(fromMs: number, toMs: number): Promise<void> {
    await delay(this.dice.between(fromMs, toMs), undefined, { signal: this.stop }).catch(() => {});
  }

  #onMessage(message: ParentMessage): void {
    if (message.type === "calm") this.#network.isCalm = true;
    // Timers, sockets, everything stands still, and then it all comes at once.
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.forMs);
  }
}

/** The error, when it is one that a client may meet; throws it on when it is a bug. */
export function asOncillaError(error: unknown): OncillaError {
  if (error instanceof OncillaError) return error;
  throw error;
}
