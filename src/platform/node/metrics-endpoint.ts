import type { Server, ServerResponse } from "node:http";
import type { Metric as PromMetric, Registry } from "prom-client";
import type { Metric, MetricsEndpoint } from "../metrics.ts";
import type { Listener } from "../network.ts";
import { toNetworkError } from "./network.ts";

/** CPU, memory, event loop, garbage collection: of the process, so that all brokers in it share them. */
let processMetrics: Registry | undefined;

export const nodeMetricsEndpoint: MetricsEndpoint = {
  async listen({ host, port }, collect): Promise<Listener> {
    // Loaded here: most brokers do without, and start the sooner.
    const [{ createServer }] = await Promise.all([import("node:http"), startProcessMetrics()]);
    const server = createServer((request, response) => {
      if (request.url?.split("?")[0] !== "/metrics") answer(response, 404, "text/plain", "Metrics are at /metrics.\n");
      else if (request.method !== "GET") answer(response, 405, "text/plain", "GET only.\n");
      else void show(response, collect);
    });
    return new Promise((resolve, reject) => {
      // Also of connections that cannot be taken later on, which the broker's own listeners tell of: nobody waits here any more.
      server.on("error", (error) => reject(toNetworkError(error, `${host}:${port}`)));
      server.listen({ host, port }, () => {
        const address = server.address();
        const boundPort = typeof address === "object" && address ? address.port : port;
        resolve({ host, port: boundPort, close: () => closed(server) });
      });
    });
  },
};

async function startProcessMetrics(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import("prom-client");
  if (!processMetrics) {
    processMetrics = new Registry();
    collectDefaultMetrics({ register: processMetrics });
  }
  return processMetrics;
}

async function show(response: ServerResponse, collect: () => readonly Metric[]): Promise<void> {
  try {
    const { Registry } = await import("prom-client");
    const ofProcess = await startProcessMetrics();
    const own = new Registry();
    for (const metric of collect()) own.registerMetric(asPromMetric(metric));
    answer(response, 200, own.contentType, `${await own.metrics()}\n${await ofProcess.metrics()}`);
  } catch (error) {
    answer(response, 500, "text/plain", `${error instanceof Error ? error.stack : error}\n`);
  }
}

/** The library writes whatever `get` gives. Its own counters and histograms, which look labels up each time, would cost a
 * request several times what it costs to count with plain numbers. */
function asPromMetric(metric: Metric): PromMetric {
  return { name: metric.name, get: () => Promise.resolve(metric) } as unknown as PromMetric;
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type }).end(body);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
