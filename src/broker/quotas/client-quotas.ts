/** Measures what clients do, and says for how long one that goes beyond its quota has to wait (KIP-13, 124, 599, 612). */
import type { Clock } from "../../platform/clock.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { RequestQuotas, Work } from "../router.ts";
import {
  type MutationQuota,
  PermissiveMutationQuota,
  StrictMutationQuota,
  unlimitedMutations,
} from "./mutation-quota.ts";
import {
  type ClientQuota,
  CONNECTION_CREATION_RATE,
  CONSUMER_BYTE_RATE,
  CONTROLLER_MUTATION_RATE,
  PRODUCER_BYTE_RATE,
  REQUEST_PERCENTAGE,
} from "./quota-entity.ts";
import { QuotaTable } from "./quota-table.ts";
import { MAX_THROTTLE_MS, QUOTA_SECONDS, RateMeter } from "./rate-meter.ts";
import { TokenBucket } from "./token-bucket.ts";
import { UsageByClient } from "./usage-by-client.ts";

/** A client's CPU time is measured in small pieces: its quota is looked at again soon. */
const MAX_REQUEST_THROTTLE_MS = 1000;

export class ClientQuotas implements RequestQuotas {
  readonly #image: MetadataImage;
  readonly #clock: Clock;
  readonly #produced = new UsageByClient(() => new RateMeter());
  readonly #fetched = new UsageByClient(() => new RateMeter());
  readonly #busy = new UsageByClient(() => new RateMeter());
  readonly #connected = new UsageByClient(() => new RateMeter());
  readonly #mutated = new UsageByClient(() => new TokenBucket());
  /** What `#tables` were made of. */
  #quotas: ReadonlyMap<string, ClientQuota> = new Map();
  #tables: ReadonlyMap<string, QuotaTable> = new Map();

  constructor(image: MetadataImage, clock: Clock) {
    this.#image = image;
    this.#clock = clock;
  }

  /** Counts bytes that a client sent; for how long it has to wait now, ms. */
  produced(clientId: string, bytes: number): number {
    return this.#record(PRODUCER_BYTE_RATE, this.#produced, clientId, bytes);
  }

  /** The most that one fetch of a client may give, but for a single batch that is larger. */
  fetchLimitBytes(clientId: string): number {
    const limit = this.#table(CONSUMER_BYTE_RATE)?.limitOf(clientId)?.limit;
    return limit === undefined ? Number.POSITIVE_INFINITY : Math.floor(limit * QUOTA_SECONDS);
  }

  /** Counts bytes that a client is about to get. When it has to wait, ms, it does not get them. A batch beyond all that the quota
   * allows at once is given to a client that had nothing for as long; the next one when that is paid off. */
  fetched(clientId: string, bytes: number): number {
    const found = this.#table(CONSUMER_BYTE_RATE)?.limitOf(clientId);
    if (!found) return 0;
    const now = this.#clock.monotonic();
    const meter = this.#fetched.of(found.sharedBy, now);
    if (bytes > found.limit * QUOTA_SECONDS) {
      // A change of the quota is to be felt before a long debt is paid off.
      return Math.min(QUOTA_SECONDS * 1000, meter.borrow(bytes, found.limit, now));
    }
    meter.record(bytes, now);
    const throttleTimeMs = meter.excessMs(found.limit, now);
    if (throttleTimeMs > 0) meter.record(-bytes, now);
    return Math.min(QUOTA_SECONDS * 1000, throttleTimeMs);
  }

  /** Counts the time that a request takes: 100 percent are one thread, and this broker has one. */
  startWork(clientId: string): Work | undefined {
    if (!this.#table(REQUEST_PERCENTAGE)) return undefined;
    const startMs = this.#clock.monotonic();
    let busyMs: number | undefined;
    return {
      pause: () => {
        busyMs ??= this.#clock.monotonic() - startMs;
      },
      end: () => {
        busyMs ??= this.#clock.monotonic() - startMs;
        const percentSeconds = busyMs / 10;
        const throttleTimeMs = this.#record(REQUEST_PERCENTAGE, this.#busy, clientId, percentSeconds);
        return Math.min(MAX_REQUEST_THROTTLE_MS, throttleTimeMs);
      },
      sent: (elapsedMs) => {
        this.#record(REQUEST_PERCENTAGE, this.#busy, clientId, elapsedMs / 10);
      },
    };
  }

  /** Counts a connection; false when there are too many from that address. */
  connected(address: string): boolean {
    const found = this.#table(CONNECTION_CREATION_RATE)?.limitOfAddress(address);
    if (!found) return true;
    const now = this.#clock.monotonic();
    const meter = this.#connected.of(found.sharedBy, now);
    meter.record(1, now);
    if (meter.excessMs(found.limit, now) === 0) return true;
    meter.record(-1, now);
    return false;
  }

  /** For one request; `isStrict` where its version can tell of refusals. */
  mutations(clientId: string, isStrict: boolean): MutationQuota {
    const found = this.#table(CONTROLLER_MUTATION_RATE)?.limitOf(clientId);
    if (!found) return unlimitedMutations;
    const bucket = this.#mutated.of(found.sharedBy, this.#clock.monotonic());
    const Quota = isStrict ? StrictMutationQuota : PermissiveMutationQuota;
    return new Quota(bucket, found.limit, this.#clock);
  }

  #record(key: string, usage: UsageByClient<RateMeter>, clientId: string, amount: number): number {
    const found = this.#table(key)?.limitOf(clientId);
    if (!found) return 0;
    const now = this.#clock.monotonic();
    const meter = usage.of(found.sharedBy, now);
    meter.record(amount, now);
    return Math.min(MAX_THROTTLE_MS, meter.excessMs(found.limit, now));
  }

  /** Undefined where nobody has a quota: what costs nothing then. */
  #table(key: string): QuotaTable | undefined {
    const { quotas } = this.#image;
    if (quotas !== this.#quotas) {
      this.#quotas = quotas;
      this.#tables = QuotaTable.byKey([...quotas.values()]);
    }
    return this.#tables.get(key);
  }
}
