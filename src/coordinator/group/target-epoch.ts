/** Which epoch a group's target assignment is of, and when the next one may be made. Groups that the coordinator leads. */

export interface TargetEpoch {
  readonly assignmentEpoch: number;
  /** Ms since 1970; 0 when it is not known. */
  readonly assignmentTimestamp: number;
}

/** Whether the present target assignment has been in place for long enough. */
export function mayAssignAgain(assignedAtMs: number, intervalMs: number, now: number): boolean {
  if (intervalMs === 0 || assignedAtMs === 0) return true;
  // The clock may have been put back a long way.
  return now < assignedAtMs || now >= assignedAtMs + intervalMs;
}
