import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";

interface Waiter {
  readonly offset: number;
  readonly callback: (error?: Error) => void;
}

/** What a group commit makes durable. */
export interface CommitTarget {
  /** The first offset not written yet. */
  endOffset(): number;
  /** Resolves when all that was written before the call is durable. */
  sync(): Promise<void>;
}

/**
 * One sync in flight; whatever is written meanwhile joins the next one. A sync begins when the input that has arrived in
 * this turn of the event loop was handled, so that its batches share it. After an error nothing is tried again.
 */
export class GroupCommit {
  readonly #clock: Clock;
  readonly #target: CommitTarget;
  readonly #onDurable: () => void;
  readonly #onFailure: (error: Error) => void;
  #waiters: Waiter[] = [];
  #durableOffset: number;
  /** Something was written, or is waited for, that no sync has begun to cover. */
  #isWanted = false;
  /** The sync that is to begin or under way. */
  #work: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(
    clock: Clock,
    target: CommitTarget,
    durableOffset: number,
    onDurable: () => void,
    onFailure: (error: Error) => void,
  ) {
    this.#clock = clock;
    this.#target = target;
    this.#durableOffset = durableOffset;
    this.#onDurable = onDurable;
    this.#onFailure = onFailure;
  }

  /** Everything below survives a power loss. */
  get durableOffset(): number {
    return this.#durableOffset;
  }

  /** Something was written: it will be synced. */
  request(): void {
    this.#isWanted = true;
    this.#schedule();
  }

  /** Calls back when everything below `offset` is durable, before it returns if that is so. */
  whenDurable(offset: number, callback: (error?: Error) => void): void {
    if (offset <= this.#durableOffset) {
      callback();
      return;
    }
    if (this.#failure) {
      callback(this.#failure);
      return;
    }
    assert(offset <= this.#target.endOffset());
    this.#waiters.push({ offset, callback });
    this.request();
  }

  /** Fails everyone who waits, and whoever comes. A sync in flight changes nothing any more. */
  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.callback(error);
  }

  /** Resolves when no sync is under way or to come: the files may be closed. */
  async idle(): Promise<void> {
    while (this.#work) await this.#work;
  }

  #schedule(): void {
    if (this.#work || this.#failure) return;
    this.#work = new Promise<void>((begin) => this.#clock.setImmediate(begin)).then(() => this.#run());
  }

  async #run(): Promise<void> {
    const error = this.#failure ? undefined : await this.#sync();
    this.#work = undefined;
    if (error) this.#onFailure(error);
    else if (this.#isWanted) this.#schedule();
  }

  async #sync(): Promise<Error | undefined> {
    this.#isWanted = false;
    const endOffset = this.#target.endOffset();
    try {
      await this.#target.sync();
    } catch (error) {
      return error as Error;
    }
    if (!this.#failure) this.#settle(endOffset);
    return undefined;
  }

  #settle(endOffset: number): void {
    assert(endOffset >= this.#durableOffset);
    this.#durableOffset = endOffset;
    this.#onDurable();
    const due = this.#waiters.filter((waiter) => waiter.offset <= endOffset);
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > endOffset);
    for (const waiter of due) waiter.callback();
  }
}
