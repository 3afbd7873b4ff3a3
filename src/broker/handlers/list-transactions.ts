/** ListTransactions: the transactional ids of all coordinators (KIP-664). */
import { transactionFilter } from "../../coordinator/transaction/queries.ts";
import { listTransactions } from "../../protocol/apis/list-transactions.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function listTransactionsHandler({ transactions, clock }: BrokerServices): Handler<typeof listTransactions> {
  return {
    api: listTransactions,
    handle(request, _context, reply) {
      const filter = transactionFilter(request);
      const shards = transactions.shards();
      const problem = typeof filter === "string" ? filter : shards.find((shard) => shard.problem)?.problem;
      if (problem || typeof filter === "string") {
        const errorCode = errorCodes[problem ?? "NONE"];
        reply({ throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] });
        return;
      }
      const now = clock.now();
      reply({
        throttleTimeMs: 0,
        errorCode: errorCodes.NONE,
        unknownStateFilters: filter.unknownStates,
        transactionStates: shards.flatMap(({ machine }) => machine.list(filter, now)),
      });
    },
  };
}
