/** Which errors a worker gets over by rolling back, and which end it. Pure. */
import { CommitFailedError, OncillaError } from "../../client/index.ts";
import { StoreDamagedError } from "../stores/engine.ts";

/** Codes of errors after which the same work can succeed in another membership or with another producer. */
const recoverable: ReadonlySet<string> = new Set([
  "TIMEOUT",
  "DISCONNECTED",
  "TRANSACTION_ABORTED",
  "TRANSACTION_ABORTABLE",
  "COMMIT_FAILED",
  // Fenced, by a timeout's abort or by a newer life of this worker.
  "PRODUCER_FENCED",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "INVALID_TXN_STATE",
  "UNKNOWN_PRODUCER_ID",
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "TRANSACTION_COORDINATOR_FENCED",
  "CONCURRENT_TRANSACTIONS",
  // The group went on without this member.
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "STALE_MEMBER_EPOCH",
  // A changelog that was trimmed while it was read: the plan is made anew.
  "OFFSET_OUT_OF_RANGE",
]);

/** Codes of errors that the same records meet again, though they only cost the transaction. */
const poisonous: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "INVALID_TIMESTAMP",
  "INVALID_ARGUMENT",
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
]);

export function isRecoverable(error: unknown): boolean {
  if (isReplaced(error)) return false;
  if (error instanceof StoreDamagedError || error instanceof CommitFailedError) return true;
  if (!(error instanceof OncillaError) || poisonous.has(error.code)) return false;
  return error.retriable || error.abortable || recoverable.has(error.code);
}

/** Whether another worker has this one's name in the group: going on would be a fight over it. */
export function isReplaced(error: unknown): boolean {
  return chainOf(error).some(({ code }) => code === "FENCED_INSTANCE_ID");
}

/** Whether the cluster cannot be reached, or not in time: waiting helps, however often it happens. A topic that is gone does not come
 * back by itself: the timeout that ends the attempts has it as its cause. */
export function isOutage(error: unknown): boolean {
  const chain = chainOf(error);
  // What cost a producer its transaction is the cause.
  return chain.some(({ retriable }) => retriable) && !chain.some(({ code }) => code === "UNKNOWN_TOPIC_OR_PARTITION");
}

/** Whether the cluster refused records, or batches of them, for their size. */
export function isTooLarge(error: unknown): error is OncillaError {
  return (
    error instanceof OncillaError && (error.code === "MESSAGE_TOO_LARGE" || error.code === "RECORD_LIST_TOO_LARGE")
  );
}

/** What an error began with. */
export function originOf(error: OncillaError): OncillaError {
  return chainOf(error).at(-1) ?? error;
}

function chainOf(error: unknown): OncillaError[] {
  return error instanceof OncillaError ? [error, ...chainOf(error.cause)] : [];
}
