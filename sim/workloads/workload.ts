/** What a world is kept busy with. */

import type { Invariant } from "../../src/cli/verify/check/invariant.ts";
import type { History } from "../../src/cli/verify/history.ts";
import { Client, type ClientOptions, OncillaError } from "../../src/client/index.ts";
import { sleep } from "../../src/platform/clock.ts";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";

/** Where every client finds the broker. */
export const BROKER_HOST = "broker";
export const BROKER_PORT = 9092;
export const BROKER_ADDRESS: string = `${BROKER_HOST}:${BROKER_PORT}`;

export interface TopicPlan {
  readonly topic: string;
  readonly partitions: number;
  readonly configs?: Readonly<Record<string, string>>;
  /** Its records may go, so that not everyone who watches sees each. Default false. */
  readonly isCompacted?: boolean;
}

export interface WorkloadContext {
  readonly world: World;
  readonly history: History;
}

export interface Workload {
  readonly name: string;
  readonly topics: readonly TopicPlan[];
  /** Its machines, none of them started. */
  readonly machines: readonly Machine[];
  /** The consumer groups whose committed offsets count. */
  readonly groups: readonly string[];
  /** What else must hold. */
  readonly invariants: readonly Invariant[];
  /** Whether all its work is done, so that the world may come to rest. */
  isDone(): boolean;
}

/** Draws a workload from the world's seed, and adds its machines. */
export type WorkloadFactory = (context: WorkloadContext) => Workload;

/** The way to the broker, with timeouts that fit the length of the faults. */
export function connect(process: Process, options: Partial<ClientOptions> = {}): Client {
  const { platform, logger, host, dice } = process;
  return new Client({
    brokers: BROKER_ADDRESS,
    clientId: host,
    requestTimeoutMs: dice.int(1_500, 8_000),
    connectTimeoutMs: dice.int(500, 2_000),
    metadataMaxAgeMs: dice.pick([300, 3_000, 300_000]),
    platform,
    logger,
    ...options,
  });
}

export function pause(process: Process, fromMs: number, toMs: number): Promise<void> {
  return sleep(process.platform.clock, process.dice.between(fromMs, toMs));
}

/** The error, when it is one that a client may meet; throws it on when it is a bug. */
export function asOncillaError(error: unknown): OncillaError {
  if (error instanceof OncillaError) return error;
  throw error;
}
