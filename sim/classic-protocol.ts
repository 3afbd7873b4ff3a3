/** Lets some processes speak the first transaction protocol, as clients from before KIP-890 do. The class that tells which one the
 * cluster has is wrapped from outside: the client itself has no such choice. */
import { Cluster } from "../src/client/network/cluster.ts";
import type { Platform } from "../src/platform/platform.ts";

const CLASSIC = 1;
const speakers = new WeakSet<Platform>();
let isInstalled = false;

/** All clients on this platform. */
export function speakClassically(platform: Platform): void {
  speakers.add(platform);
  if (isInstalled) return;
  isInstalled = true;
  const original = Cluster.prototype.featureLevel;
  Cluster.prototype.featureLevel = function (name: string): number {
    const level = original.call(this, name);
    return name === "transaction.version" && speakers.has(this.platform) ? Math.min(level, CLASSIC) : level;
  };
}
