/** `npm run bench -- txn`: what transactions cost, and what a commit takes. */
import { parseOptions, runComparison, withTools } from "./harness/session.ts";
import { commitWorkloads, transactionOverheadWorkload } from "./workloads/transactions.ts";

export function benchTxn(args: readonly string[]): Promise<unknown> {
  const options = parseOptions(args);
  return withTools(options, (tools) =>
    runComparison(tools, options, [transactionOverheadWorkload, ...commitWorkloads]),
  );
}
