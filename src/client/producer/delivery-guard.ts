import type { OncillaError } from "../errors.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { ProducerIdentity } from "./sequences.ts";

/** What an idempotent producer's sender needs to know: under which identity it writes, and whether it may. */
export interface DeliveryGuard {
  readonly isTransactional: boolean;
  readonly transactionalId: string | null;
  /** The highest Produce version to use. */
  readonly maxProduceVersion: number;
  /** Undefined until the broker has given one: the sender is woken then. */
  identity(): ProducerIdentity | undefined;
  /** A new identity, for partitions whose numbering must start again. */
  bump(): void;
  /** Whether a new batch may go to the partition now; if not, the sender is woken when it may. */
  mayProduce(queue: PartitionQueue): boolean;
  /** Whether the batches are still wanted, or only what is under way is to be settled. */
  readonly isDelivering: boolean;
  /** A batch has failed for good. Gives the error to tell the records' senders. */
  batchFailed(error: OncillaError): OncillaError;
}
