/** Finds transactions that nobody will end (KIP-664): open in a partition, and unknown to the coordinator. They hold back
 * everybody who reads at read_committed, for ever. */
import type { TopicPartition } from "../types.ts";
import type {
  HangingTransaction,
  PartitionProducer,
  TransactionDescription,
  TransactionListing,
  TransactionToAbort,
} from "./transaction-types.ts";

export interface TransactionViews {
  producersOf(partitions: readonly TopicPartition[]): Promise<PartitionProducer[]>;
  list(filter: { readonly producerIds: readonly number[] }): Promise<TransactionListing[]>;
  describe(transactionalIds: readonly string[]): Promise<TransactionDescription[]>;
}

type OpenTransaction = PartitionProducer & { readonly transactionStartOffset: number };

/** Those among `partitions` whose producers have not written since `quietSince`, in ms since 1970. */
export async function findHanging(
  views: TransactionViews,
  partitions: readonly TopicPartition[],
  quietSince: number,
): Promise<HangingTransaction[]> {
  const open = (await views.producersOf(partitions)).filter(isOpen);
  const quiet = open.filter(({ lastTimestamp }) => lastTimestamp < quietSince);
  if (quiet.length === 0) return [];
  const descriptions = await describeByProducer(views, quiet);
  const orphaned = quiet.filter((each) => !isCoordinated(each, descriptions.get(each.producerId)));
  // One that ended between the two questions is open no more.
  const present = (await views.producersOf(orphaned)).filter(isOpen);
  return orphaned
    .filter((each) => present.some((other) => isSameTransaction(each, other)))
    .map((each) => ({ ...each, transactionalId: descriptions.get(each.producerId)?.transactionalId ?? null }));
}

async function describeByProducer(
  views: TransactionViews,
  open: readonly OpenTransaction[],
): Promise<ReadonlyMap<number, TransactionDescription>> {
  const producerIds = [...new Set(open.map(({ producerId }) => producerId))];
  const listed = await views.list({ producerIds });
  const descriptions = await views.describe(listed.map(({ transactionalId }) => transactionalId));
  return new Map(descriptions.map((description) => [description.producerId, description]));
}

/** Whether the coordinator will write a marker there some time. */
function isCoordinated({ topic, partition }: TopicPartition, description: TransactionDescription | undefined): boolean {
  return description?.partitions.some((each) => each.topic === topic && each.partition === partition) ?? false;
}

export function isOpen(producer: PartitionProducer): producer is OpenTransaction {
  return producer.transactionStartOffset !== null;
}

export function isSameTransaction(a: OpenTransaction, b: TransactionToAbort): boolean {
  return (
    a.topic === b.topic &&
    a.partition === b.partition &&
    a.producerId === b.producerId &&
    a.transactionStartOffset === b.transactionStartOffset
  );
}
