/** Simulated time: a queue of events, run one after the other. The same calls give the same run. */
import type { Timer } from "../../src/platform/clock.ts";

interface Event {
  readonly atMs: number;
  /** Breaks ties in the order of scheduling. */
  readonly sequence: number;
  run: (() => void) | undefined;
}

/** Lets every promise that can go on without a further event go on: Node empties that queue before its next turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

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

  /** Runs events until `isDone` says so, or nothing is left, or `limitMs` is reached; true when it was `isDone`. */
  async runUntil(isDone: () => boolean, limitMs: number): Promise<boolean> {
    await settle();
    while (!isDone()) {
      const event = pop(this.#heap);
      if (!event) return false;
      if (!event.run) continue;
      if (event.atMs > limitMs) {
        push(this.#heap, event);
        this.#nowMs = limitMs;
        return false;
      }
      this.#nowMs = event.atMs;
      this.#eventsRun++;
      event.run();
      await settle();
    }
    return true;
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
