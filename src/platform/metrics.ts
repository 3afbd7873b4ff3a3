import type { Listener } from "./network.ts";

/** One number of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Where it has another name than its metric: the parts of a histogram do. */
  readonly metricName?: string;
}

/** A metric, as Prometheus has them. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Sample[];
}

/** Shows metrics to who asks for them over HTTP, in Prometheus' text format, at /metrics: those that `collect` gives, and
 * what the process itself uses. */
export interface MetricsEndpoint {
  /** Rejects with a NetworkError when the address cannot be had. */
  listen(
    options: { readonly host: string; readonly port: number },
    collect: () => readonly Metric[],
  ): Promise<Listener>;
}
