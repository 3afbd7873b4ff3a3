/**
 * What the coordinators have in common. A coordinator is a pure, synchronous state machine over one partition of an
 * internal topic: *decide, then apply*. A request method decides: it looks at the state, changes nothing durable, and
 * hands back a Step. The runtime around it then
 *   1. appends the step's records to the partition, in order, as one atomic batch,
 *   2. calls `apply` for each of them, before the machine sees any other input,
 *   3. runs the step's replies once those records, and everything appended before them, are durable. So a reply may
 *      rest on records of an earlier step that are still being synced.
 * Recovery calls `apply` for the partition's records from the start: the same code serves both.
 *
 * When an append or a sync fails, the machine is ahead of its log and must not be used again. Its replies never run:
 * the runtime answers those requests itself, with a retriable error.
 *
 * The same inputs give the same outputs: no clock and no randomness inside. `now` is the wall clock's ms since 1970, which is
 * what records tell; a machine hears when that clock is set, so that nothing which it waits for comes early or late by it.
 */

/** A record for a coordinator's internal topic, in Kafka's format. A null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  /** The producer's transaction that the record belongs to: it counts only once that commits. */
  readonly transaction?: { readonly producerId: number; readonly producerEpoch: number };
}

/** Releases one answer. The request was decided by the step that holds it, or parked by an earlier one. */
export type Reply = () => void;

/** What one input led to. */
export interface Step {
  readonly records: readonly CoordinatorRecord[];
  readonly replies: readonly Reply[];
}

/** The side of a coordinator that the runtime drives; requests are methods of each machine's own. */
export interface CoordinatorMachine<S extends Step = Step> {
  /** Takes in a record that stands in the log. `offset` is its place, `timestamp` its batch's, in ms since 1970. */
  apply(record: CoordinatorRecord, offset: number, timestamp: number): void;
  /** When `tick` has something to do, in ms since 1970; undefined while nothing is pending. Changes with every step. */
  nextDeadline(): number | undefined;
  /** The clock was set ahead by so many ms, or back by a negative number. What is due stays as far away as it was. */
  clockMoved(byMs: number): void;
  /** Does what is due at `now`: timeouts, expirations, parked requests that waited long enough. */
  tick(now: number): S;
}
