import type { CompressionName } from "../../protocol/records/compression.ts";
import type { Partitioner } from "./partitioner.ts";

export interface ProducerOptions {
  /** Makes the producer transactional. One live producer per id: a newer one fences the older. */
  readonly transactionalId?: string;
  /** Each record is stored once and in order, whatever is retried. Default true; needs acks "all" and five requests in
   * flight at most. */
  readonly idempotent?: boolean;
  /** Whose word counts: "all" in-sync replicas (default), the leader's (1), or nobody's (0). */
  readonly acks?: "all" | 1 | 0;
  /** How long a batch waits for more records. Default 5. */
  readonly lingerMs?: number;
  /** A batch is sent when it reaches this size. Default 64 KiB. */
  readonly batchSizeBytes?: number;
  /** How much may wait to be sent or acknowledged: `send` waits and `ready` asks to wait beyond. Default 32 MiB. */
  readonly bufferMemoryBytes?: number;
  /** Default "none". */
  readonly compression?: CompressionName;
  /** Requests on their way to one broker. Default 5, which is also the most that idempotence allows. */
  readonly maxInFlight?: number;
  /** A record that is not acknowledged this long after `send` fails with a TimeoutError. Default 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** The coordinator aborts a transaction that stays open for longer. Default 60,000. */
  readonly transactionTimeoutMs?: number;
  /** How long transaction calls and `partitionsFor` may take. Default 60,000. */
  readonly maxBlockMs?: number;
  /** Size of one request. Default 1 MiB. */
  readonly maxRequestBytes?: number;
  /** Default: as the Java client, murmur2 of the key, or one partition at a time without a key. */
  readonly partitioner?: Partitioner;
}
