/** What DescribeTransactions and ListTransactions tell (KIP-664, KIP-994, KIP-1152). Pure. */
import type { describeTransactions } from "../../protocol/apis/describe-transactions.ts";
import type { listTransactions } from "../../protocol/apis/list-transactions.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import { type TransactionMetadata, transactionStates } from "./state.ts";

export type Description = ResponseBody<typeof describeTransactions>["transactionStates"][number];
export type Listing = ResponseBody<typeof listTransactions>["transactionStates"][number];
type ListRequest = RequestOf<typeof listTransactions>;

/** One entry of a DescribeTransactions response. `metadata`: undefined for an id that is not known. */
export function describeTransaction(transactionalId: string, metadata: TransactionMetadata | undefined): Description {
  if (transactionalId === "") return noDescription(transactionalId, "INVALID_REQUEST");
  if (!metadata) return noDescription(transactionalId, "TRANSACTIONAL_ID_NOT_FOUND");
  return {
    errorCode: errorCodes.NONE,
    transactionalId,
    transactionState: metadata.state,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStartTimeMs: metadata.startedAt ?? -1,
    ...metadata.producer,
    topics: [...metadata.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}

/** The entry for an id that cannot be described. */
export function noDescription(transactionalId: string, error: ErrorName): Description {
  return {
    errorCode: errorCodes[error],
    transactionalId,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}

/** Which transactional ids a ListTransactions asks for. */
export interface TransactionFilter {
  matches(metadata: TransactionMetadata, now: number): boolean;
  /** Names that are no state. */
  readonly unknownStates: readonly string[];
}

/** An error when the pattern is not a regular expression. As in Kafka, an id that never had a transaction counts as
 * having had one since 1970: the filter by duration keeps it. */
export function transactionFilter(request: ListRequest): TransactionFilter | ErrorName {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
  const pattern = transactionalIdPattern ? compile(transactionalIdPattern) : undefined;
  if (pattern === null) return "INVALID_REGULAR_EXPRESSION";
  const producerIds = new Set(producerIdFilters);
  const states = new Set(stateFilters);
  return {
    matches: (metadata, now) =>
      (producerIds.size === 0 || producerIds.has(metadata.producer.producerId)) &&
      (states.size === 0 || states.has(metadata.state)) &&
      (durationFilter < 0 || now - (metadata.startedAt ?? -1) > durationFilter) &&
      (pattern === undefined || pattern.test(metadata.transactionalId)),
    unknownStates: stateFilters.filter((state) => !Object.hasOwn(transactionStates, state)),
  };
}

/** The whole id has to match. */
function compile(pattern: string): RegExp | null {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch {
    return null;
  }
}

/** One entry of a ListTransactions response. */
export function listTransaction({ transactionalId, producer, state }: TransactionMetadata): Listing {
  return { transactionalId, producerId: producer.producerId, transactionState: state };
}
