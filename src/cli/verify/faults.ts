/** Which process is struck when, and how. Pure: the schedule follows from the dice. */
import type { Dice } from "../../platform/dice.ts";

/**
 * - kill: SIGKILL, and it comes back after a while.
 * - leave: SIGTERM, so that it ends what it is at, and it comes back after a while.
 * - stall: it stands still, and goes on as if nothing was.
 */
export type FaultKind = "kill" | "leave" | "stall";

export interface Fault {
  readonly kind: FaultKind;
  readonly target: string;
  /** From the beginning of the round. */
  readonly atMs: number;
  /** How long it stays away, or stands still. */
  readonly forMs: number;
}

const MEAN_GAP_MS = 900;
/** In this share of the faults it is the broker's turn, if it is ours. */
const BROKER_SHARE = 0.15;

export function drawFaults(
  dice: Dice,
  targets: readonly string[],
  { hasBroker, durationMs }: { readonly hasBroker: boolean; readonly durationMs: number },
): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = dice.between(200, 1_000); atMs < durationMs; atMs += dice.between(0, 2 * MEAN_GAP_MS)) {
    const target = hasBroker && dice.chance(BROKER_SHARE) ? "broker" : dice.pick(targets);
    // Only children can be told to stand still.
    const kind = dice.pick<FaultKind>(
      target === "broker" ? ["kill", "kill", "leave"] : ["kill", "kill", "leave", "stall"],
    );
    faults.push({ kind, target, atMs, forMs: Math.min(durationOf(kind, target, dice), durationMs / 3) });
  }
  return faults;
}

/** Often short; at times longer than a session or a transaction may last. */
function durationOf(kind: FaultKind, target: string, dice: Dice): number {
  if (target === "broker") return dice.between(0, 2_000);
  if (kind === "stall") return dice.chance(0.3) ? dice.between(6_000, 12_000) : dice.between(200, 3_000);
  return dice.chance(0.3) ? dice.between(3_000, 9_000) : dice.between(0, 1_000);
}
