/** DescribeTransactions: where transactional ids stand (KIP-664). */
import { type Description, noDescription } from "../../coordinator/transaction/queries.ts";
import { describeTransactions } from "../../protocol/apis/describe-transactions.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { eachOnce } from "./duplicates.ts";

export function describeTransactionsHandler({ transactions }: BrokerServices): Handler<typeof describeTransactions> {
  return {
    api: describeTransactions,
    holdsNext: true,
    async handle(request, _context, reply) {
      const described = eachOnce(request.transactionalIds).map(
        (transactionalId) =>
          new Promise<Description>((resolve) => {
            transactions.request<Description>(
              transactionalId,
              (machine, now, answer) => machine.describe(transactionalId, now, answer),
              resolve,
              (error) => noDescription(transactionalId, error),
            );
          }),
      );
      reply({ throttleTimeMs: 0, transactionStates: await Promise.all(described) });
    },
  };
}
