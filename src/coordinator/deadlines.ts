/**
 * Points in time at which something is due. Made for sessions: a heartbeat moves its member's deadline further away,
 * which happens all the time, and hardly any deadline is ever reached.
 */
import { assert, defined } from "../platform/assert.ts";

/** Something that may become due. Made once, then set and cleared as often as needed. */
export class Deadline<Context> {
  /** What to do when it is reached. */
  readonly run: (context: Context) => void;
  /** When it is reached, in the queue's time; Infinity while it is not set. */
  dueAt: number = Infinity;
  /** Its key in the queue. queuedAt <= dueAt while it is queued: a deadline that moved away is found again, too early,
   * at its old place, and only then put where it belongs. */
  queuedAt: number = Infinity;
  /** Its place in the queue's heap; -1 while it is not queued. */
  index: number = -1;

  constructor(run: (context: Context) => void) {
    this.run = run;
  }
}

/** Deadlines in the order of their keys: a binary heap in which moving a deadline away is one assignment. */
export class DeadlineQueue<Context> {
  readonly #heap: Deadline<Context>[] = [];
  /** From the queue's time to the clock's, in ms: by so much the clock was set in all. */
  #movedMs = 0;

  /** No deadline is due before this time; undefined when none is set. May be too early, never too late. */
  get next(): number | undefined {
    const first = this.#heap[0];
    return first && first.queuedAt + this.#movedMs;
  }

  /** The clock was set: all deadlines stay as far away as they were. */
  clockMoved(byMs: number): void {
    this.#movedMs += byMs;
  }

  /** Makes `deadline` due at `timeMs`, whether or not it was set before. */
  set(deadline: Deadline<Context>, timeMs: number): void {
    const at = timeMs - this.#movedMs;
    deadline.dueAt = at;
    if (deadline.index < 0) {
      deadline.queuedAt = at;
      this.#heap.push(deadline);
      this.#siftUp(this.#heap.length - 1, deadline);
    } else if (at < deadline.queuedAt) {
      deadline.queuedAt = at;
      this.#siftUp(deadline.index, deadline);
    }
  }

  /** Makes `deadline` due never; harmless when it is not set. */
  clear(deadline: Deadline<Context>): void {
    deadline.dueAt = Infinity;
    if (deadline.index >= 0) this.#remove(deadline);
  }

  /** Takes out the deadline that is longest due at `now`, if there is one; it is not set any more then. */
  takeDue(now: number): Deadline<Context> | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.queuedAt + this.#movedMs > now) return undefined;
      assert(first.queuedAt <= first.dueAt);
      if (first.queuedAt === first.dueAt) {
        this.clear(first);
        return first;
      }
      first.queuedAt = first.dueAt;
      this.#siftDown(0, first);
    }
  }

  #remove(deadline: Deadline<Context>): void {
    const hole = deadline.index;
    deadline.index = -1;
    const last = defined(this.#heap.pop());
    if (last === deadline) return;
    if (last.queuedAt < deadline.queuedAt) this.#siftUp(hole, last);
    else this.#siftDown(hole, last);
  }

  /** Moves the hole at `from` up until `deadline` fits in. */
  #siftUp(from: number, deadline: Deadline<Context>): void {
    let hole = from;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = defined(this.#heap[above]);
      if (parent.queuedAt <= deadline.queuedAt) break;
      this.#put(hole, parent);
      hole = above;
    }
    this.#put(hole, deadline);
  }

  /** Moves the hole at `from` down until `deadline` fits in. */
  #siftDown(from: number, deadline: Deadline<Context>): void {
    let hole = from;
    for (;;) {
      const below = this.#earlierChild(hole);
      const child = this.#heap[below];
      if (!child || child.queuedAt >= deadline.queuedAt) break;
      this.#put(hole, child);
      hole = below;
    }
    this.#put(hole, deadline);
  }

  #earlierChild(of: number): number {
    const left = this.#heap[2 * of + 1];
    const right = this.#heap[2 * of + 2];
    return left && right && right.queuedAt < left.queuedAt ? 2 * of + 2 : 2 * of + 1;
  }

  #put(index: number, deadline: Deadline<Context>): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }
}
