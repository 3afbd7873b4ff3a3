/** DescribeTransactions: where transactional ids stand (KIP-664). */
import { noDescription } from "../../coordinator/transaction/queries.ts";
import { describeTransactions } from "../../protocol/apis/describe-transactions.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function describeTransactionsHandler({ transactions }: BrokerServices): Handler<typeof describeTransactions> {
  return {
    api: describeTransactions,
    handle(request, _context, reply) {
      const transactionStates = request.transactionalIds.map((transactionalId) => {
        const shard = transactions.shardFor(transactionalId);
        const problem = typeof shard === "string" ? shard : shard.problem;
        if (problem || typeof shard === "string") return noDescription(transactionalId, problem ?? "NONE");
        return shard.machine.describe(transactionalId);
      });
      reply({ throttleTimeMs: 0, transactionStates });
    },
  };
}
