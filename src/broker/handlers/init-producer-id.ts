/** InitProducerId: an identity for an idempotent producer, or through the coordinator for a transactional one. */
import { initProducerIdResponse } from "../../coordinator/transaction/answers.ts";
import { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function initProducerIdHandler({ producerIds, transactions }: BrokerServices): Handler<typeof initProducerId> {
  return {
    api: initProducerId,
    handle(request, { apiVersion }, reply) {
      const { transactionalId } = request;
      if (transactionalId !== null) {
        transactions.request(
          transactionalId,
          (machine, now, answer) => machine.initProducerId(request, apiVersion, now, answer),
          reply,
          (error) => initProducerIdResponse(apiVersion, error),
        );
      } else if (producerIds.isReady()) {
        reply(initProducerIdResponse(apiVersion, "NONE", { producerId: producerIds.take(), producerEpoch: 0 }));
      } else {
        reply(initProducerIdResponse(apiVersion, "COORDINATOR_LOAD_IN_PROGRESS"));
      }
    },
  };
}
