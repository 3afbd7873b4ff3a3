import type { CompressionName } from "../../protocol/records/compression.ts";
import { OncillaError } from "../errors.ts";
import type { RecordSerdes } from "../serde.ts";
import type { BytesLike } from "../types.ts";
import type { Partitioner } from "./partitioner.ts";
import { MAX_OPEN_BATCHES } from "./sequences.ts";

export interface ProducerOptions<K = BytesLike, V = BytesLike> {
  /** What keys and values are, and how they become bytes. Default: bytes, or strings that go out as UTF-8. */
  readonly serdes?: RecordSerdes<K, V>;
  /** Makes the producer transactional. One live producer per id: a newer one fences the older. */
  readonly transactionalId?: string;
  /** Each record is stored once and in order, whatever is retried. Default true with acks "all"; needs acks "all" and five requests in
   * flight at most. */
  readonly idempotent?: boolean;
  /** Whose word counts: "all" in-sync replicas (default), the leader's (1), or nobody's (0): a record counts once the operating system has it. */
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

/** Options with their defaults filled in. */
export interface ProducerSettings {
  readonly transactionalId: string | undefined;
  readonly idempotent: boolean;
  readonly acks: "all" | 1 | 0;
  readonly lingerMs: number;
  readonly batchSizeBytes: number;
  readonly bufferMemoryBytes: number;
  readonly compression: CompressionName;
  readonly maxInFlight: number;
  readonly deliveryTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly maxBlockMs: number;
  readonly maxRequestBytes: number;
  readonly partitioner: Partitioner | undefined;
}

/** Throws INVALID_ARGUMENT where options contradict each other. */
export function producerSettings<K, V>(options: ProducerOptions<K, V>): ProducerSettings {
  const { transactionalId, acks = "all", idempotent = acks === "all", maxInFlight = 5 } = options;
  if (transactionalId !== undefined && (transactionalId === "" || !idempotent)) {
    throw invalid("a transactional producer needs a transactionalId that is not empty, and idempotence");
  }
  if (idempotent && (acks !== "all" || maxInFlight > MAX_OPEN_BATCHES)) {
    throw invalid(`idempotence needs acks "all" and ${MAX_OPEN_BATCHES} requests in flight at most`);
  }
  if (!(maxInFlight >= 1)) throw invalid("maxInFlight must be 1 or more");
  return {
    transactionalId,
    idempotent,
    acks,
    lingerMs: options.lingerMs ?? 5,
    batchSizeBytes: options.batchSizeBytes ?? 64 * 1024,
    bufferMemoryBytes: options.bufferMemoryBytes ?? 32 * 1024 * 1024,
    compression: options.compression ?? "none",
    maxInFlight,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
    maxBlockMs: options.maxBlockMs ?? 60_000,
    maxRequestBytes: options.maxRequestBytes ?? 1024 * 1024,
    partitioner: options.partitioner,
  };
}

function invalid(message: string): OncillaError {
  return new OncillaError("INVALID_ARGUMENT", `producer options: ${message}`);
}
