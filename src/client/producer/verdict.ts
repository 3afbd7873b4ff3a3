/** What an answer to a batch means for it. Pure. */
import { type ErrorName, isRetriable } from "../../protocol/errors.ts";

/**
 * - acknowledged: it is in the log.
 * - retry: send it again.
 * - restart: a batch before it is missing in the log: number the partition's batches anew, then send them again.
 * - split: too large as it is; send its records in smaller ones.
 * - refused: it is not in the log and never will be.
 * - unknown: nothing more will be heard of it, and it may be in the log.
 */
export type Verdict = "acknowledged" | "retry" | "restart" | "split" | "refused" | "unknown";

/** Errors behind which the batch may be in the log all the same. DISCONNECTED: there was no answer. */
const leavesOpen: ReadonlySet<ErrorName | "DISCONNECTED"> = new Set<ErrorName | "DISCONNECTED">([
  "DISCONNECTED",
  "REQUEST_TIMED_OUT",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "KAFKA_STORAGE_ERROR",
  "UNKNOWN_SERVER_ERROR",
]);

/** Errors that are told before anything is written: the batch is sent again as if it had not been sent. */
const leavesNothing: ReadonlySet<ErrorName | "DISCONNECTED"> = new Set<ErrorName | "DISCONNECTED">([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "CONCURRENT_TRANSACTIONS",
  "NOT_ENOUGH_REPLICAS",
]);

export interface BatchSituation {
  readonly recordCount: number;
  /** Undefined without idempotence. */
  readonly isFirstOpen: boolean | undefined;
  /** An attempt before this one may have put it into the log: numbers that are given again, or halves under numbers of the
   * whole, would be taken for it. */
  readonly isInDoubt: boolean;
  /** One behind it was acknowledged. Sent again under new numbers, it would stand behind that one, or twice in the log. */
  readonly isOvertaken: boolean;
  readonly isTransactional: boolean;
  /** False once the batch's transaction cannot be committed any more: then it only matters that the batch does not arrive
   * after the transaction's end. */
  readonly isWanted: boolean;
}

/** Whether the batch may be in the log after an attempt that is to be made again. */
export function leavesInDoubt(error: ErrorName | "DISCONNECTED"): boolean {
  return !leavesNothing.has(error);
}

export function judge(error: ErrorName | "DISCONNECTED", situation: BatchSituation): Verdict {
  const verdict = judgeAttempt(error, situation);
  // The last attempt left nothing in the log; one before it may have.
  const isFinal = verdict === "refused" || verdict === "split";
  return isFinal && situation.isFirstOpen !== undefined && situation.isInDoubt ? "unknown" : verdict;
}

function judgeAttempt(error: ErrorName | "DISCONNECTED", situation: BatchSituation): Verdict {
  // Later batches are in the log as well: this one is, only the broker does not remember where.
  if (error === "NONE" || error === "DUPLICATE_SEQUENCE_NUMBER") return "acknowledged";
  if (!situation.isWanted && !leavesOpen.has(error)) return "refused";
  if (error === "MESSAGE_TOO_LARGE" && situation.recordCount > 1) return "split";
  if (error === "OUT_OF_ORDER_SEQUENCE_NUMBER" && situation.isFirstOpen === false) return "retry";
  if (error === "OUT_OF_ORDER_SEQUENCE_NUMBER" || error === "UNKNOWN_PRODUCER_ID") {
    // The broker has lost what it knew (KIP-360). A transaction's batches must not be renumbered halfway: it is aborted.
    if (situation.isFirstOpen === undefined || situation.isTransactional) return "refused";
    return situation.isOvertaken ? "unknown" : "restart";
  }
  if (error === "DISCONNECTED" || isRetriable(error)) return "retry";
  return leavesOpen.has(error) ? "unknown" : "refused";
}
