import type { ErrorName } from "../../protocol/errors.ts";
import type { CoordinatorRecord, Reply, Step } from "../coordinator.ts";

/** Hands a response over to whoever sent the request. Called once. */
export type Respond<T> = (response: T) => void;

/** What one input led to. */
export interface GroupStep extends Step {
  /** How to answer instead when the log refuses the step's records, which are those of a producer's transaction: because of
   * that producer (a fenced epoch, say), or since there is no room. Nothing has changed then, and the machine goes on.
   * Undefined when the records are the coordinator's own. */
  readonly refused: ((error: ErrorName) => void) | undefined;
}

/** A step in the making. */
export class Turn implements GroupStep {
  /** Ms since 1970. */
  readonly now: number;
  readonly records: CoordinatorRecord[] = [];
  readonly replies: Reply[] = [];
  refused: ((error: ErrorName) => void) | undefined = undefined;

  constructor(now: number) {
    this.now = now;
  }

  answer<T>(respond: Respond<T>, response: T): void {
    this.replies.push(() => respond(response));
  }
}
