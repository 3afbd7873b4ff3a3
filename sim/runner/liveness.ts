/** Once the faults are over, everything comes to its end within bounded simulated time. */
import type { World } from "../world/world.ts";

/** For each part of a run. */
const PATIENCE_MS = 10 * 60 * 1000;
const LOOK_MS = 100;

/** What stops a run. */
export class Stuck extends Error {}

export class Liveness {
  readonly name = "liveness";
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Lets the world go on until `isDone`. Throws Stuck, with what `describe` says, when that takes too long, and after a
   * contradiction. */
  async until(isDone: () => boolean, describe: () => string): Promise<void> {
    const { scheduler, problems, nowMs } = this.#world;
    let isOver = false;
    const look = (): void => {
      isOver = problems.length > 0 || isDone();
      if (!isOver) scheduler.schedule(LOOK_MS, look);
    };
    look();
    const isReached = await scheduler.runUntil(() => isOver, nowMs + PATIENCE_MS);
    if (problems.length > 0) throw new Stuck("after a contradiction");
    if (!isReached) throw new Stuck(`${describe()}, ${PATIENCE_MS / 1000} s after the faults`);
  }
}
