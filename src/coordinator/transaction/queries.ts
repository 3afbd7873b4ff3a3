/** What DescribeTransactions and ListTransactions tell (KIP-664, KIP-994, KIP-1152). Pure. */
import type { describeTransactions } from "../../protocol/apis/describe-transactions.ts";
import type { listTransactions } from "../../protocol/apis/list-transactions.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { TransactionMetadata } from "./state.ts";

export type Description = ResponseBody<typeof describeTransactions>["transactionStates"][number];
export type Listing = ResponseBody<typeof listTransactions>["transactionStates"][number];

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

/** One entry of a ListTransactions response. */
export function listTransaction({ transactionalId, producer, state }: TransactionMetadata): Listing {
  return { transactionalId, producerId: producer.producerId, transactionState: state };
}
