import { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import { errorName } from "../../protocol/errors.ts";
import { OncillaError, wireError } from "../errors.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Lane } from "../network/lane.ts";
import { retryLoop } from "../network/retry.ts";
import type { DeliveryGuard } from "./delivery-guard.ts";
import type { ProducerIdentity } from "./sequences.ts";

const MAX_EPOCH = 0x7fff;

/** The identity of a producer that is idempotent without being transactional: any broker gives it, and the producer raises
 * the epoch itself when a partition has to start again (KIP-360). */
export class Idempotence implements DeliveryGuard {
  readonly isTransactional = false;
  readonly transactionalId = null;
  readonly maxProduceVersion: number = Number.POSITIVE_INFINITY;
  readonly isDelivering = true;
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #signal: AbortSignal;
  readonly #onChange: (error?: OncillaError) => void;
  #identity: ProducerIdentity | undefined;
  #isAsking = false;

  /** `onChange`: an identity is there, or there will be none. */
  constructor(cluster: Cluster, lane: Lane, signal: AbortSignal, onChange: (error?: OncillaError) => void) {
    this.#cluster = cluster;
    this.#lane = lane;
    this.#signal = signal;
    this.#onChange = onChange;
  }

  identity(): ProducerIdentity | undefined {
    if (!this.#identity && !this.#isAsking) this.#ask();
    return this.#identity;
  }

  bump(): void {
    const old = this.#identity;
    const isExhausted = !old || old.producerEpoch >= MAX_EPOCH;
    this.#identity = isExhausted ? undefined : { producerId: old.producerId, producerEpoch: old.producerEpoch + 1 };
  }

  mayProduce(): boolean {
    return true;
  }

  batchFailed(error: OncillaError): OncillaError {
    return error;
  }

  #ask(): void {
    this.#isAsking = true;
    const scope = this.#cluster.retryScope(this.#signal);
    const attempt = async (): Promise<ProducerIdentity> => {
      const body = { transactionalId: null, transactionTimeoutMs: 0x7fffffff };
      const response = await this.#cluster.requestAny(this.#lane, initProducerId, body);
      const error = errorName(response.errorCode);
      if (error !== "NONE") throw wireError(error, "a producer id");
      return response;
    };
    // The batches that wait for it have a timeout of their own.
    retryLoop(scope, attempt, () => {}).then(
      ({ producerId, producerEpoch }) => {
        this.#isAsking = false;
        this.#identity = { producerId, producerEpoch };
        this.#onChange();
      },
      (error: unknown) => {
        this.#isAsking = false;
        if (!(error instanceof OncillaError)) throw error;
        this.#onChange(error);
      },
    );
  }
}
