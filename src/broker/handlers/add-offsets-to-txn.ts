/** AddOffsetsToTxn: the classic way to tell the coordinator that a transaction will commit offsets of a group. */
import { addOffsetsToTxnResponse } from "../../coordinator/transaction/answers.ts";
import { addOffsetsToTxn } from "../../protocol/apis/add-offsets-to-txn.ts";
import type { BrokerServices } from "../broker-services.ts";
import { OFFSETS_TOPIC } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

export function addOffsetsToTxnHandler({
  topics,
  groups,
  transactions,
}: BrokerServices): Handler<typeof addOffsetsToTxn> {
  return {
    api: addOffsetsToTxn,
    async handle(request, { apiVersion }, reply) {
      // The group's coordinator may not have been asked for yet, and its partition becomes part of the transaction.
      if (groups.partitionFor(request.groupId) === undefined && !(await topics.ensure(OFFSETS_TOPIC)).ok) {
        reply(addOffsetsToTxnResponse(apiVersion, "COORDINATOR_NOT_AVAILABLE"));
        return;
      }
      transactions.request(
        request.transactionalId,
        (machine, now, answer) => machine.addOffsetsToTxn(request, apiVersion, now, answer),
        reply,
        (error) => addOffsetsToTxnResponse(apiVersion, error),
      );
    },
  };
}
