/** The records of `__transaction_state`, from and to the state they hold. Pure. */
import { decodeVersioned, encodeVersioned } from "../../protocol/codec.ts";
import { transactionLogKey, transactionLogValue } from "../../protocol/internal/transaction-records.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import type { Partitions } from "./partitions.ts";
import { type TransactionMetadata, type TransactionState, transactionStates } from "./state.ts";

/**
 * Kafka's record with one field more. Kafka keeps the epoch of whoever may repeat its last request in memory only, so
 * that a producer whose reply is lost in a crash finds itself fenced. The tag is far beyond those that Kafka uses;
 * its own reader skips it.
 */
const value = {
  ...transactionLogValue,
  fields: {
    ...transactionLogValue.fields,
    lastProducerEpoch: { type: "int16", tag: 10_000, tagged: "1+", default: -1 },
  },
} as const;

const NONE = -1;

/** The states that are written. */
const stateOfCode = new Map(
  Object.entries(transactionStates)
    .filter(([, { from }]) => from.length > 0)
    .map(([state, { code }]) => [code, state as TransactionState]),
);

/** The record of a state. */
export function stateRecord(metadata: TransactionMetadata): CoordinatorRecord {
  return {
    key: encodeVersioned(transactionLogKey, 0, { transactionalId: metadata.transactionalId }),
    value: encodeVersioned(value, 1, {
      producerId: metadata.producer.producerId,
      previousProducerId: metadata.previous?.producerId ?? NONE,
      nextProducerId: metadata.nextProducerId ?? NONE,
      producerEpoch: metadata.producer.producerEpoch,
      lastProducerEpoch: metadata.previous?.producerEpoch ?? NONE,
      transactionTimeoutMs: metadata.timeoutMs,
      transactionStatus: transactionStates[metadata.state].code,
      transactionPartitions:
        metadata.state === "Empty"
          ? null
          : [...metadata.partitions].map(([topic, ids]) => ({ topic, partitionIds: [...ids] })),
      transactionLastUpdateTimestampMs: metadata.updatedAt,
      transactionStartTimestampMs: metadata.startedAt ?? NONE,
      clientTransactionVersion: metadata.version,
    }),
  };
}

/** The record that makes the log forget a transactional id. */
export function tombstone(transactionalId: string): CoordinatorRecord {
  return { key: encodeVersioned(transactionLogKey, 0, { transactionalId }), value: null };
}

/** What a record says: the id, and its state; null when it is forgotten. Throws a ProtocolError on foreign bytes. */
export function readRecord(record: Pick<CoordinatorRecord, "key" | "value">): {
  readonly transactionalId: string;
  readonly metadata: TransactionMetadata | null;
} {
  const { transactionalId } = decodeVersioned(transactionLogKey, record.key);
  if (record.value === null) return { transactionalId, metadata: null };
  const fields = decodeVersioned(value, record.value);
  const state = stateOfCode.get(fields.transactionStatus);
  if (state === undefined) throw new ProtocolError(`no transaction is ever in state ${fields.transactionStatus}`);
  return {
    transactionalId,
    metadata: {
      transactionalId,
      producer: { producerId: fields.producerId, producerEpoch: fields.producerEpoch },
      previous:
        fields.lastProducerEpoch === NONE
          ? undefined
          : { producerId: fields.previousProducerId, producerEpoch: fields.lastProducerEpoch },
      nextProducerId: fields.nextProducerId === NONE ? undefined : fields.nextProducerId,
      timeoutMs: fields.transactionTimeoutMs,
      state,
      partitions: readPartitions(fields.transactionPartitions ?? []),
      startedAt: fields.transactionStartTimestampMs === NONE ? undefined : fields.transactionStartTimestampMs,
      updatedAt: fields.transactionLastUpdateTimestampMs,
      version: fields.clientTransactionVersion === 2 ? 2 : 0,
    },
  };
}

function readPartitions(
  topics: readonly { readonly topic: string; readonly partitionIds: readonly number[] }[],
): Partitions {
  return new Map(topics.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]));
}
