import type { Platform } from "../platform.ts";
import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { nodeMetricsEndpoint } from "./metrics-endpoint.ts";
import { nodeNetwork } from "./network.ts";
import { nodeRandom } from "./random.ts";

/** The real world. */
export const nodePlatform: Platform = {
  clock: nodeClock,
  disk: nodeDisk,
  network: nodeNetwork,
  random: nodeRandom,
  metrics: nodeMetricsEndpoint,
};
