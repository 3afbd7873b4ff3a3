/** The changes to topics that one request may make (KIP-599). */
import type { Clock } from "../../platform/clock.ts";
import { MAX_THROTTLE_MS } from "./rate-meter.ts";
import type { TokenBucket } from "./token-bucket.ts";

export interface MutationQuota {
  /** Counts partitions that are to be made or deleted; false: not now. */
  take(partitions: number): boolean;
  /** For the response; 0: none. */
  readonly throttleTimeMs: number;
}

export const unlimitedMutations: MutationQuota = { take: () => true, throttleTimeMs: 0 };

/** A change that is too much is refused. */
export class StrictMutationQuota implements MutationQuota {
  readonly #bucket: TokenBucket;
  readonly #rate: number;
  readonly #clock: Clock;
  #isRefused = false;

  constructor(bucket: TokenBucket, rate: number, clock: Clock) {
    this.#bucket = bucket;
    this.#rate = rate;
    this.#clock = clock;
  }

  take(partitions: number): boolean {
    const now = this.#clock.monotonic();
    if (this.#bucket.isOpen(this.#rate, now)) this.#bucket.take(partitions, this.#rate, now);
    else this.#isRefused = true;
    return !this.#isRefused;
  }

  get throttleTimeMs(): number {
    return this.#isRefused ? throttleTimeOf(this.#bucket, this.#rate, this.#clock) : 0;
  }
}

/** A change that is too much is made, and the client waits: all that clients of older versions understand. */
export class PermissiveMutationQuota implements MutationQuota {
  readonly #bucket: TokenBucket;
  readonly #rate: number;
  readonly #clock: Clock;

  constructor(bucket: TokenBucket, rate: number, clock: Clock) {
    this.#bucket = bucket;
    this.#rate = rate;
    this.#clock = clock;
  }

  take(partitions: number): boolean {
    this.#bucket.take(partitions, this.#rate, this.#clock.monotonic());
    return true;
  }

  get throttleTimeMs(): number {
    return throttleTimeOf(this.#bucket, this.#rate, this.#clock);
  }
}

function throttleTimeOf(bucket: TokenBucket, rate: number, clock: Clock): number {
  return Math.min(MAX_THROTTLE_MS, bucket.debtMs(rate, clock.monotonic()));
}
