/** EndTxn: commits or aborts. */
import { endTxnResponse } from "../../coordinator/transaction/answers.ts";
import { endTxn } from "../../protocol/apis/end-txn.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function endTxnHandler({ transactions }: BrokerServices): Handler<typeof endTxn> {
  return {
    api: endTxn,
    handle(request, { apiVersion }, reply) {
      transactions.request(
        request.transactionalId,
        (machine, now, answer) => machine.endTxn(request, apiVersion, now, answer),
        reply,
        (error) => endTxnResponse(apiVersion, error),
      );
    },
  };
}
