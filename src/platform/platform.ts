import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { MetricsEndpoint } from "./metrics.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";

/** Everything that reaches outside the program. One value of it is a world: Node's, or a simulated one. */
export interface Platform {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly network: Network;
  readonly random: Random;
  /** Absent where nobody could ask. */
  readonly metrics?: MetricsEndpoint;
}
