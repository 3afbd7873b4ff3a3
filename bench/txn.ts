/** `npm run bench -- txn`: what transactions cost, and what a commit takes. */
import { parseOptions, runComparison } from "./harness/session.ts";
import { commitWorkloads, transactionOverheadWorkload } from "./workloads/transactions.ts";

export function benchTxn(args: readonly string[]): Promise<unknown> {
  return runComparison(parseOptions(args), [transactionOverheadWorkload, ...commitWorkloads]);
}
