/** Which errors of a transactional producer are fatal, and which only cost the transaction. Pure. Source: KIP-588, KIP-1050. */
import type { ErrorName } from "../../protocol/errors.ts";
import { type ErrorCode, FencedError, OncillaError } from "../errors.ts";

const fatalAnywhere: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "PRODUCER_FENCED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  "UNSUPPORTED_VERSION",
  "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  // The coordinator has forgotten the transactional id (it expired), or knows it under another producer.
  "INVALID_PRODUCER_ID_MAPPING",
]);

/** The coordinator's word is final; a partition's leader may only be late: the abort that follows finds out. */
const fatalFromCoordinator: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "INVALID_PRODUCER_EPOCH",
  "INVALID_TXN_STATE",
]);

/** What an error of a batch means for its transaction. */
export function fromPartition(error: OncillaError): OncillaError {
  return fatalAnywhere.has(error.code) ? asFatal(error) : asAbortable(error);
}

/** What an error of a call to a coordinator means for the transaction. */
export function fromCoordinator(error: OncillaError): OncillaError {
  const isFatal = fatalAnywhere.has(error.code) || fatalFromCoordinator.has(error.code);
  return isFatal ? asFatal(error) : asAbortable(error);
}

function asAbortable(error: OncillaError): OncillaError {
  if (error.abortable) return error;
  const message = `${error.message} (abort the transaction and go on)`;
  return new OncillaError(error.code, message, { cause: error, abortable: true });
}

export function asFatal(error: OncillaError): OncillaError {
  if (error.fatal) return error;
  const isFenced = isFencing(error.code);
  const message = `${error.message} (close the producer)`;
  return isFenced
    ? new FencedError(error.code, message, { cause: error })
    : new OncillaError(error.code, message, { cause: error, fatal: true });
}

function isFencing(code: ErrorCode): code is ErrorName {
  return code === "PRODUCER_FENCED" || code === "INVALID_PRODUCER_EPOCH";
}
