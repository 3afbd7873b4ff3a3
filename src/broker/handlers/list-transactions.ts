/** ListTransactions: the transactional ids of all coordinators (KIP-664). */
import type { Listing } from "../../coordinator/transaction/queries.ts";
import { listTransactions } from "../../protocol/apis/list-transactions.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function listTransactionsHandler({ transactions }: BrokerServices): Handler<typeof listTransactions> {
  return {
    api: listTransactions,
    holdsNext: true,
    async handle(request, _context, reply) {
      const refuse = (error: ErrorName): void => {
        reply({ throttleTimeMs: 0, errorCode: errorCodes[error], unknownStateFilters: [], transactionStates: [] });
      };
      const { transactionFilter } = await import("../../coordinator/transaction/filter.ts");
      const filter = transactionFilter(request);
      if (typeof filter === "string") {
        refuse(filter);
        return;
      }
      const listed = transactions.shards().map(
        (shard) =>
          new Promise<readonly Listing[] | ErrorName>((resolve) => {
            shard.request<readonly Listing[] | ErrorName>(
              (machine, now, answer) => machine.list(filter, now, answer),
              resolve,
              (error) => error,
            );
          }),
      );
      const answers = await Promise.all(listed);
      const problem = answers.find((answer) => typeof answer === "string");
      if (problem) {
        refuse(problem);
        return;
      }
      reply({
        throttleTimeMs: 0,
        errorCode: errorCodes.NONE,
        unknownStateFilters: filter.unknownStates,
        transactionStates: answers.filter((answer) => typeof answer !== "string").flat(),
      });
    },
  };
}
