/** Which faults happen when: drawn from the seed before anything runs, so that some can be left out to find the ones that
 * matter. */
import type { Dice } from "../../src/platform/dice.ts";

/** What can be done to the broker's machine. */
export const brokerFaults = [
  "kill",
  "power loss",
  "power loss when told",
  "kill in write",
  "kill at step",
  "restart",
  "stall",
  "clock jump",
  "slow sync",
  "hung disk",
  "sync error",
  "write error",
  "read error",
  "disk full",
] as const;

/** What can be done to a client's machine. */
export const clientFaults = [
  "client kill",
  "client kill in write",
  "client kill at step",
  "client stall",
  "client leave",
  "client clock jump",
] as const;

/** What can be done to the network between a client and the broker or the sinks' table, or to all of it. */
export const networkFaults = [
  "cut",
  "cut one way",
  "cut from the table",
  "detour",
  "reset",
  "lossy network",
  "slow network",
  "narrow network",
] as const;

export type FaultKind = (typeof brokerFaults | typeof clientFaults | typeof networkFaults)[number];

export const faultKinds: readonly FaultKind[] = [...brokerFaults, ...clientFaults, ...networkFaults];

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  /** How long it lasts, or how long the machine is down. */
  readonly durationMs: number;
  /** The client concerned; of the kinds that concern the broker or the whole network it means nothing. */
  readonly host: string;
  /** How bad it is, in [0, 1). */
  readonly strength: number;
}

/** Faults of a burst come one upon the other: what survives each of them may not survive two. */
const BURST_MS = 200;

/** Each world has its own mix: a few kinds, seldom or often, alone or in bursts. Many kinds at once hide each other. */
export function drawFaults(
  dice: Dice,
  options: { readonly kinds: readonly FaultKind[]; readonly hosts: readonly string[]; readonly windowMs: number },
): Fault[] {
  const { hosts, windowMs } = options;
  const kinds = options.kinds.filter(() => dice.chance(0.4));
  const everyMs = dice.pick([300, 1_000, 3_000]);
  const burstProbability = dice.pick([0, 0.5, 0.8]);
  const faults: Fault[] = [];
  const gapMs = (): number => dice.between(0, dice.chance(burstProbability) ? BURST_MS : 2 * everyMs);
  for (let atMs = dice.between(0, everyMs); atMs < windowMs && kinds.length > 0; atMs += gapMs()) {
    const durationMs = Math.min(dice.pick([20, 300, 2_000, 8_000]) * dice.between(0.5, 2), windowMs - atMs);
    faults.push({ kind: dice.pick(kinds), atMs, durationMs, host: dice.pick(hosts), strength: dice.float() });
  }
  if (options.kinds.includes("kill") && dice.chance(0.15)) faults.push(...quickRestarts(dice, options));
  return faults;
}

/** The broker is killed at a steady pace, and back at once each time: what it answered as one life meets what its next life says. */
function quickRestarts(
  dice: Dice,
  { hosts, windowMs }: { readonly hosts: readonly string[]; readonly windowMs: number },
): Fault[] {
  const faults: Fault[] = [];
  const paceMs = dice.between(1_000, 4_000);
  for (let atMs = paceMs; atMs < windowMs; atMs += paceMs * dice.between(0.5, 1.5)) {
    faults.push({ kind: "kill", atMs, durationMs: dice.between(5, 100), host: dice.pick(hosts), strength: 0 });
  }
  return faults;
}

export function describeFault({ kind, atMs, durationMs, host, strength }: Fault): string {
  const isOfClient = !(brokerFaults as readonly string[]).includes(kind);
  const where = isOfClient ? ` ${host}` : "";
  return `${(atMs / 1000).toFixed(3)} s: ${kind}${where} for ${(durationMs / 1000).toFixed(3)} s, strength ${strength.toFixed(2)}`;
}
