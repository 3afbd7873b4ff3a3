/** Simulated time: a queue of events, run one after the other. The same calls give the same run. */
import type { Timer } from "../../src/platform/clock.ts";

interface Event {
  readonly atMs: number;
  /** Breaks ties in the order of scheduling. */
  readonly sequence: number;
  run: (() => void) | undefined;
}

/** So many turns are asked for at once: between two of them Node lets every promise go on that can, and tells of rejections that
 * nobody handled, without a look at the operating system's events. */
const TURNS = 256;

export class Scheduler {
  /** A binary heap, the earliest event first. */
  readonly #heap: Event[] = [];
  #sequence = 0;
  #nowMs = 0;
  #eventsRun = 0;

  /** Simulated time since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events there were. */
  get eventsRun(): number {
    return this.#eventsRun;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run };
    push(this.#heap, event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs events, each in a turn of its own, until `isDone` says so, or nothing is left, or `limitMs` is reached; true when it
   * was `isDone`. */
  runUntil(isDone: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      let left = 0;
      const turn = (): void => {
        if (isOver) return;
        try {
          const outcome = this.#step(isDone, limitMs);
          isOver = outcome !== undefined;
          if (outcome !== undefined) resolve(outcome);
          else if (--left === 0) askForTurns();
        } catch (error) {
          isOver = true;
          reject(error);
        }
      };
      const askForTurns = (): void => {
        left = TURNS;
        for (let count = 0; count < TURNS; count++) setImmediate(turn);
      };
      askForTurns();
    });
  }

  /** Runs the next event; undefined when the run goes on. */
  #step(isDone: () => boolean, limitMs: number): boolean | undefined {
    if (isDone()) return true;
    let event = pop(this.#heap);
    while (event && !event.run) event = pop(this.#heap);
    if (!event?.run) return false;
    if (event.atMs > limitMs) {
      push(this.#heap, event);
      this.#nowMs = limitMs;
      return false;
    }
    this.#nowMs = event.atMs;
    this.#eventsRun++;
    event.run();
    return undefined;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Event;
    if (!isBefore(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) return first;
  let index = 0;
  while (true) {
    let child = index * 2 + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right && isBefore(right, heap[child] as Event)) child++;
    const below = heap[child] as Event;
    if (!isBefore(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
  return first;
}
