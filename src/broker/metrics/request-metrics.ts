/** How many requests of each API come, how large they are and how long they take: Kafka's RequestMetrics. */
import type { Metric } from "../../platform/metrics.ts";
import type { Api } from "../../protocol/schema.ts";
import { TimeHistogram } from "./histogram.ts";

/** Of one API. Plain numbers: they are counted on every request. */
export class ApiMetrics {
  readonly api: Api;
  /** From the request's last byte to its response. */
  readonly totalTime: TimeHistogram = new TimeHistogram();
  readonly #requestsByVersion: number[];
  requestBytes = 0;
  responseBytes = 0;

  constructor(api: Api) {
    this.api = api;
    this.#requestsByVersion = new Array<number>(api.versions[1] + 1).fill(0);
  }

  received(version: number, sizeBytes: number): void {
    this.#requestsByVersion[version] = (this.#requestsByVersion[version] as number) + 1;
    this.requestBytes += sizeBytes;
  }

  answered(elapsedMs: number, pieces: readonly Uint8Array[]): void {
    this.totalTime.observe(elapsedMs);
    for (const piece of pieces) this.responseBytes += piece.length;
  }

  *requestsByVersion(): Generator<[version: number, requests: number]> {
    for (const [version, requests] of this.#requestsByVersion.entries()) if (requests > 0) yield [version, requests];
  }
}

export class RequestMetrics {
  readonly #byKey = new Map<number, ApiMetrics>();

  /** To be looked up once, not with each request. */
  of(api: Api): ApiMetrics {
    let metrics = this.#byKey.get(api.key);
    if (!metrics) {
      metrics = new ApiMetrics(api);
      this.#byKey.set(api.key, metrics);
    }
    return metrics;
  }

  /** Of the APIs that were used. */
  collect(): Metric[] {
    const used = [...this.#byKey.values()].filter(({ requestBytes }) => requestBytes > 0);
    const total = "kafka_network_requestmetrics_totaltimems";
    return [
      {
        name: "kafka_network_requestmetrics_requests_total",
        help: "Requests by API and version.",
        type: "counter",
        values: used.flatMap((metrics) =>
          [...metrics.requestsByVersion()].map(([version, value]) => ({
            labels: { request: metrics.api.name, version: String(version) },
            value,
          })),
        ),
      },
      {
        name: total,
        help: "Time from a request's last byte to its response, ms. A fetch that waits for records counts its waiting.",
        type: "histogram",
        values: used.flatMap(({ api, totalTime }) => totalTime.samples(total, { request: api.name })),
      },
      {
        name: "kafka_network_requestmetrics_requestbytes_total",
        help: "Bytes of requests.",
        type: "counter",
        values: used.map(({ api, requestBytes }) => ({ labels: { request: api.name }, value: requestBytes })),
      },
      {
        name: "kafka_network_requestmetrics_responsebytes_total",
        help: "Bytes of responses.",
        type: "counter",
        values: used.map(({ api, responseBytes }) => ({ labels: { request: api.name }, value: responseBytes })),
      },
    ];
  }
}
