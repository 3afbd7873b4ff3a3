import type { listTransactions } from "../../protocol/apis/list-transactions.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import { compileRegex } from "../regex.ts";
import { type TransactionMetadata, transactionStates } from "./state.ts";

/** Which transactional ids a ListTransactions asks for. */
export interface TransactionFilter {
  matches(metadata: TransactionMetadata, now: number): boolean;
  /** Names that are no state. */
  readonly unknownStates: readonly string[];
}

/** An error when the pattern, which the whole id has to match, is not a regular expression. As in Kafka, an id that
 * never had a transaction counts as having had one since 1970: the filter by duration keeps it. */
export function transactionFilter(request: RequestOf<typeof listTransactions>): TransactionFilter | ErrorName {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
  const pattern = transactionalIdPattern ? compileRegex(transactionalIdPattern) : undefined;
  if (pattern && "problem" in pattern) return "INVALID_REGULAR_EXPRESSION";
  const producerIds = new Set(producerIdFilters);
  const states = new Set(stateFilters);
  return {
    matches: (metadata, now) =>
      (producerIds.size === 0 || producerIds.has(metadata.producer.producerId)) &&
      (states.size === 0 || states.has(metadata.state)) &&
      (durationFilter < 0 || now - (metadata.startedAt ?? -1) > durationFilter) &&
      (pattern === undefined || pattern.matches(metadata.transactionalId)),
    unknownStates: stateFilters.filter((state) => !Object.hasOwn(transactionStates, state)),
  };
}
