/** Whoever looks after the broker: starts it again when a fault has taken a part of it out of service. */
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";

const OUT_OF_SERVICE: ReadonlySet<string> = new Set([
  "partition offline",
  "partition offline: its log cannot be opened",
  "coordinator stopped: its log refused a record",
  "coordinator stopped: its log cannot be replayed",
]);

/** Log lines that no fault excuses. */
const BUGS: ReadonlySet<string> = new Set([
  "connection closed: a request failed",
  "connection closed: malformed request",
  "coordinator begins anew: it contradicts itself",
]);

export function watchBroker(world: World, broker: Machine): void {
  const dice = world.dice("operator");
  let isCalled = false;
  world.onLog.push(({ host, level, message, fields }) => {
    if (BUGS.has(message) && !isDiskFault(fields.error)) {
      const { error } = fields;
      world.report(`${host}: ${message}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (host !== broker.host || level !== "error" || !OUT_OF_SERVICE.has(message) || isCalled) return;
    isCalled = true;
    world.coverage.hit(`broker: ${message}`);
    world.scheduler.schedule(dice.between(100, 5_000), () => {
      isCalled = false;
      // It goes anyway, and nobody would tell its next life to.
      if (!broker.isWanted) return;
      // After a failed sync the page cache holds what the disk may not, which the next life may have to know without a reboot.
      broker.kill({ losesPower: dice.chance(0.5) });
      broker.startLater(dice.between(10, 1_000));
    });
  });
}

/** A disk that fails under the cluster's own log is nobody's bug, and leaves a request without an answer. */
function isDiskFault(error: unknown): boolean {
  return error instanceof Error && (error.name === "DiskError" || error.message.includes("KAFKA_STORAGE_ERROR"));
}
