import type { ErrorName } from "../protocol/errors.ts";

/** Compares the leader epoch that a client knows (-1: none) with the partition's (KIP-320). */
export function leaderEpochProblem(known: number, current: number): ErrorName | undefined {
  if (known < 0 || known === current) return undefined;
  return known < current ? "FENCED_LEADER_EPOCH" : "UNKNOWN_LEADER_EPOCH";
}
