import { describe, expect, it } from "vitest";
import { SteppedClock } from "../../../test/support/stepped-clock.ts";
import { MetadataImage } from "../metadata/image.ts";
import { ClientQuotas } from "./client-quotas.ts";
import type { EntityType } from "./quota-entity.ts";
import { RateMeter } from "./rate-meter.ts";
import { TokenBucket } from "./token-bucket.ts";

describe("a rate", () => {
  it("is that of ten seconds, so that a client may begin with a burst", () => {
    const meter = new RateMeter();
    meter.record(1000, 0);
    expect(meter.excessMs(100, 0)).toBe(0);
    meter.record(1, 0);
    expect(meter.excessMs(100, 0)).toBeGreaterThan(0);
  });

  it("beyond the limit the time to wait is what brings it down to the limit", () => {
    const meter = new RateMeter();
    meter.record(1500, 0);
    const waitMs = meter.excessMs(100, 0);
    expect(waitMs).toBe(5000);
    // 1,500 in 15 s, had the windows not been forgotten.
    expect(meter.excessMs(100, 10_999)).toBeGreaterThan(0);
    expect(meter.excessMs(100, 11_000)).toBe(0);
  });

  it.each([0.5, 0.9, 1, 1.5, 2])(
    "a client that would send %d times the limit is held to it, and below it never waits",
    (factor) => {
      const meter = new RateMeter();
      let now = 0;
      let sent = 0;
      let waitedMs = 0;
      while (now < 300_000) {
        meter.record(100 * factor, now);
        sent += 100 * factor;
        const waitMs = meter.excessMs(100, now);
        waitedMs += waitMs;
        now += 1000 + waitMs;
      }
      const rate = sent / (now / 1000);
      if (factor < 1) expect(waitedMs).toBe(0);
      // The window that is open counts in full.
      else expect(rate).toBeGreaterThan(90);
      expect(rate).toBeLessThan(105);
    },
  );
});

describe("a bucket of tokens", () => {
  it("begins full, may be overdrawn once, and opens again when the debt is paid", () => {
    const bucket = new TokenBucket();
    expect(bucket.isOpen(1, 0)).toBe(true);
    bucket.take(15, 1, 0);
    expect(bucket.isOpen(1, 0)).toBe(false);
    expect(bucket.debtMs(1, 0)).toBe(4000);
    expect(bucket.isOpen(1, 3999)).toBe(false);
    expect(bucket.isOpen(1, 4000)).toBe(true);
  });

  it("without a limit to its rate stays open", () => {
    const bucket = new TokenBucket();
    const rate = Number.POSITIVE_INFINITY;
    for (const nowMs of [5, 6]) {
      expect(bucket.isOpen(rate, nowMs)).toBe(true);
      bucket.take(10, rate, nowMs);
      expect(bucket.debtMs(rate, nowMs)).toBe(0);
    }
  });

  it("holds no more than eleven seconds' tokens", () => {
    const bucket = new TokenBucket();
    bucket.take(0, 2, 1_000_000);
    bucket.take(22, 2, 2_000_000);
    expect(bucket.debtMs(2, 2_000_000)).toBe(0);
    bucket.take(1, 2, 2_000_000);
    expect(bucket.debtMs(2, 2_000_000)).toBe(500);
  });
});

describe("whose quota counts", () => {
  const KIB = 1024;

  function quotasOf(...limits: readonly (readonly [Partial<Record<EntityType, string | null>>, number])[]): {
    readonly quotas: ClientQuotas;
    readonly image: MetadataImage;
    readonly clock: SteppedClock;
  } {
    const image = new MetadataImage();
    for (const [entity, limit] of limits) put(image, entity, limit);
    const clock = new SteppedClock();
    return { quotas: new ClientQuotas(image, clock), image, clock };
  }

  function put(image: MetadataImage, entity: Partial<Record<EntityType, string | null>>, limit: number | null): void {
    const limits = new Map(limit === null ? [] : [["consumer_byte_rate", limit] as const]);
    image.apply({
      kind: "quota",
      quota: { entity: new Map(Object.entries(entity) as [EntityType, string][]), limits },
    });
  }

  /** The limit in bytes a second that counts for a client. */
  function limitFor(quotas: ClientQuotas, clientId: string): number {
    return quotas.fetchLimitBytes(clientId) / 10;
  }

  it("the most specific: who is named before everybody else, the user before the client", () => {
    const all = [
      [{ "client-id": null }, 8],
      [{ "client-id": "a" }, 7],
      [{ user: null }, 6],
      [{ user: null, "client-id": null }, 5],
      [{ user: null, "client-id": "a" }, 4],
      [{ user: "ANONYMOUS" }, 3],
      [{ user: "ANONYMOUS", "client-id": null }, 2],
      [{ user: "ANONYMOUS", "client-id": "a" }, 1],
    ] as const;
    for (let count = 1; count <= all.length; count++) {
      const { quotas } = quotasOf(...all.slice(0, count));
      expect(limitFor(quotas, "a")).toBe(all[count - 1]?.[1]);
    }
    const { quotas } = quotasOf(...all);
    expect(limitFor(quotas, "b")).toBe(2);
  });

  it("those of other users and clients do not", () => {
    const { quotas } = quotasOf(
      [{ user: "alice" }, 1],
      [{ "client-id": "b" }, 2],
      [{ user: "alice", "client-id": "a" }, 3],
    );
    expect(limitFor(quotas, "a")).toBe(Number.POSITIVE_INFINITY);
    expect(quotas.fetched("a", 1e9)).toBe(0);
  });

  it("a user's is shared by the user's clients, one of clients by all with the same name", () => {
    const byUser = quotasOf([{ user: null }, KIB]).quotas;
    expect(byUser.fetched("a", 9 * KIB)).toBe(0);
    expect(byUser.fetched("b", 9 * KIB)).toBeGreaterThan(0);
    const byClient = quotasOf([{ "client-id": null }, KIB]).quotas;
    expect(byClient.fetched("a", 9 * KIB)).toBe(0);
    expect(byClient.fetched("b", 9 * KIB)).toBe(0);
    expect(byClient.fetched("a", 9 * KIB)).toBeGreaterThan(0);
  });

  it("what a client was not given is not counted", () => {
    const { quotas } = quotasOf([{ "client-id": "a" }, KIB]);
    expect(quotas.fetched("a", 9 * KIB)).toBe(0);
    for (let i = 0; i < 5; i++) expect(quotas.fetched("a", 9 * KIB)).toBe(8000);
    expect(quotas.fetched("a", KIB)).toBe(0);
  });

  it("a change counts at once", () => {
    const { quotas, image } = quotasOf([{ "client-id": "a" }, KIB]);
    expect(limitFor(quotas, "a")).toBe(KIB);
    put(image, { "client-id": "a" }, 2 * KIB);
    expect(limitFor(quotas, "a")).toBe(2 * KIB);
    put(image, { "client-id": "a" }, null);
    expect(limitFor(quotas, "a")).toBe(Number.POSITIVE_INFINITY);
  });
});
