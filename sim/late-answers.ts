/** Lets answers about logs come late, each as late as it likes: those of different connections overtake each other, and an answer
 * of a broker that is gone comes behind news of the next one. The class that asks is wrapped from outside. */
import { Cluster } from "../src/client/network/cluster.ts";
import type { Lane } from "../src/client/network/lane.ts";
import { sleep } from "../src/platform/clock.ts";
import type { Platform } from "../src/platform/platform.ts";
import { fetch } from "../src/protocol/apis/fetch.ts";
import { offsetForLeaderEpoch } from "../src/protocol/apis/offset-for-leader-epoch.ts";
import type { Process } from "./world/machine.ts";

const LATE: ReadonlySet<number> = new Set([fetch.key, offsetForLeaderEpoch.key]);
const LATE_PROBABILITY = 0.5;

interface Lateness {
  readonly process: Process;
  readonly maxMs: number;
  readonly isOver: () => boolean;
}

const late = new WeakMap<Platform, Lateness>();
let isInstalled = false;

/** To all clients of this process, until `isOver`. */
export function answerLate(lateness: Lateness): void {
  late.set(lateness.process.platform, lateness);
  if (isInstalled) return;
  isInstalled = true;
  const original = Cluster.prototype.openLane;
  Cluster.prototype.openLane = function (): Lane {
    const lane = original.call(this);
    const lateness = late.get(this.platform);
    if (lateness) delay(lane, lateness);
    return lane;
  };
}

function delay(lane: Lane, lateness: Lateness): void {
  const request = lane.request.bind(lane);
  lane.request = async (nodeId, api, body, options) => {
    const response = await request(nodeId, api, body, options);
    if (LATE.has(api.key)) await wait(lateness);
    return response;
  };
}

async function wait({ process: { platform, dice }, maxMs, isOver }: Lateness): Promise<void> {
  if (!isOver() && dice.chance(LATE_PROBABILITY)) await sleep(platform.clock, dice.between(0, maxMs));
}
