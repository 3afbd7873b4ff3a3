/** Random sequences of requests, in lockstep on both brokers: what one of them decides is never told by the other's time. */
import type { Random } from "../../../../src/platform/random.ts";
import { randomInt } from "../../../../src/platform/random.ts";
import type { Side } from "../side.ts";

/** What may happen, and what one side knows of it. Operations name what they are about in a way that fits both sides. */
export interface Subject<Operation, World> {
  readonly name: string;
  /** Makes topics and coordinators. */
  prepare(side: Side): Promise<World>;
  choose(random: Random): Operation;
  /** Whether an operation's answer may have to wait for what others do. Nothing else is done before any other is answered.
   * Default: none's. */
  mayWait?(operation: Operation): boolean;
  /** A request on the side that shows by its answer that the broker has taken in what was asked before. */
  probe?(side: Side, world: World): Promise<unknown>;
  /** Resolves when it is answered, which may be long after others were. */
  perform(side: Side, world: World, operation: Operation): Promise<void>;
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[randomInt(random, values.length)] as T;
}

/** One of the values, each as often as its weight says. */
export function weighted<T>(random: Random, values: readonly (readonly [weight: number, value: T])[]): T {
  let left = random.float() * values.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of values) {
    left -= weight;
    if (left < 0) return value;
  }
  return pick(random, values)[1];
}
