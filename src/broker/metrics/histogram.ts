import type { Sample } from "../../platform/metrics.ts";

/** Upper bounds, ms. */
const BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

/** How long something took, each time. */
export class TimeHistogram {
  /** By bucket; the last one is of what is beyond all bounds. */
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1);
  #count = 0;
  #sumMs = 0;

  get count(): number {
    return this.#count;
  }

  observe(elapsedMs: number): void {
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && elapsedMs > (BOUNDS_MS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sumMs += elapsedMs;
  }

  /** As Prometheus wants them: buckets that count all below their bound, the count and the sum. */
  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let below = 0;
    const buckets = [...BOUNDS_MS, "+Inf"].map((bound, i): Sample => {
      below += this.#counts[i] as number;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sumMs },
      { metricName: `${name}_count`, labels, value: this.#count },
    ];
  }
}
