// One run of the interop suites: the broker that they share, and what came of each scenario.

import { type Context, openContext, type RunContext } from "./context.ts";

/** Thrown by what cannot run here; the message says what is missing. A failure in CI. */
export class NotRun extends Error {}

/** Thrown where a broker says that it does not serve something that it may leave out. */
export class Unsupported extends Error {}

/** Thrown where a client does not what it should, with any broker; the message says what it does. */
export class KnownDefect extends Error {}

export interface Row {
  client: string;
  scenario: string;
  result: "pass" | "fail" | "not run" | "unsupported" | "client's defect";
  detail: string;
}

/** The scenarios of one client, or of whatever else compares our broker with others. */
export interface Suite {
  /** One line for `--list`. */
  about: string;
  /** Runs its scenarios through `session.check`, one after the other. */
  run(session: Session): Promise<void>;
}

export interface Target {
  bootstrap: string;
  /** Known only for brokers that this run started. */
  dataDir?: string;
  stop(): Promise<void>;
}

export interface ClientFacts {
  version: string;
  /** Whether it goes through the scenarios of common-suite.ts. */
  isCommon: boolean;
}

/** What single suites want to know. */
export interface SuiteOptions {
  /** Whether it is our broker that is tried, and so may be killed. */
  readonly isOwnBroker?: boolean;
  /** Of the differential suite: an Apache Kafka that runs already, instead of one of its own. */
  readonly kafka?: string | undefined;
  /** Of its random sequences; default: 1. */
  readonly seed?: number | undefined;
  /** How many random operations, for each kind of sequence. */
  readonly steps?: number | undefined;
}

/** What a broker that was stopped leaves behind. */
export interface Left {
  /** Of brokers that this run started. */
  dataDir: string | undefined;
  /** How many records topics must hold. */
  expected: ReadonlyMap<string, number>;
}

export class Session {
  readonly rows: Row[] = [];
  readonly options: SuiteOptions;
  /** What is known of the clients in `rows`. */
  readonly clients: Map<string, ClientFacts> = new Map();
  readonly #startTarget: () => Promise<Target>;
  readonly #only: string;
  #target: Promise<{ target: Target; context: RunContext }> | undefined;

  /** `only`: scenarios whose client and name do not contain this text are left out. */
  constructor(startTarget: () => Promise<Target>, only: string, options: SuiteOptions = {}) {
    this.options = options;
    this.#startTarget = startTarget;
    this.#only = only;
  }

  /** The broker under test, started when the first suite asks for it, and names and topics on it. */
  async context(): Promise<Context> {
    this.#target ??= this.#open();
    return (await this.#target).context;
  }

  async #open(): Promise<{ target: Target; context: RunContext }> {
    const target = await this.#startTarget();
    return { target, context: await openContext(target.bootstrap) };
  }

  /** Runs one scenario, unless `only` leaves it out. */
  async check(client: string, scenario: string, body: () => Promise<string>): Promise<void> {
    if (`${client} ${scenario}`.includes(this.#only)) await this.always(client, scenario, body);
  }

  /** Runs one scenario. What `body` gives is shown; what it throws decides the row's result. */
  async always(client: string, scenario: string, body: () => Promise<string>): Promise<void> {
    const start = performance.now();
    const row: Row = { client, scenario, result: "pass", detail: "" };
    try {
      row.detail = await body();
    } catch (error) {
      if (error instanceof NotRun) row.result = "not run";
      else if (error instanceof Unsupported) row.result = "unsupported";
      else if (error instanceof KnownDefect) row.result = "client's defect";
      else row.result = "fail";
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      row.detail = row.result === "fail" || !(error instanceof Error) ? text : error.message;
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const cells = [row.client.padEnd(24), row.scenario.padEnd(52), row.result.padEnd(17), `${seconds} s`.padStart(7)];
    process.stdout.write(`${cells.join("")}  ${row.detail}\n`);
    this.rows.push(row);
  }

  /** Whether a suite has asked for the broker. */
  get isOpen(): boolean {
    return this.#target !== undefined;
  }

  /** Stops the broker. Somebody else's cluster is left as it was. */
  async stop(): Promise<Left> {
    const { target, context } = await (this.#target ?? this.#open());
    if (target.dataDir === undefined) await context.cleanUp();
    await context.close();
    await target.stop();
    return { dataDir: target.dataDir, expected: context.expected };
  }
}
