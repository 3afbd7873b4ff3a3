/** Looks at the answers to fetches as they come over the wire: what the client could put right by itself, another may not. The
 * class that asks is wrapped from outside. */
import { Lane } from "../src/client/network/lane.ts";
import { fetch } from "../src/protocol/apis/fetch.ts";
import { batchesIn } from "../src/protocol/records/batch.ts";
import type { RequestOf, ResponseOf } from "../src/protocol/schema.ts";

type Answer = ResponseOf<typeof fetch>["responses"][number]["partitions"][number];

const READ_COMMITTED: RequestOf<typeof fetch>["isolationLevel"] = 1;

let report: (problem: string) => void = () => {};
let isInstalled = false;

/** Reports to `listener` from now on. */
export function checkAnswers(listener: (problem: string) => void): void {
  report = listener;
  if (isInstalled) return;
  isInstalled = true;
  const original = Lane.prototype.request;
  Lane.prototype.request = async function (nodeId, api, body, options): Promise<never> {
    const response = await original.call(this, nodeId, api, body, options);
    if (api.key === fetch.key) {
      check((body as RequestOf<typeof fetch>).isolationLevel, response as ResponseOf<typeof fetch>);
    }
    return response as never;
  };
}

function check(isolationLevel: number, { responses }: ResponseOf<typeof fetch>): void {
  for (const answer of responses.flatMap(({ partitions }) => partitions)) {
    const problem = answer.errorCode === 0 ? problemWith(answer, isolationLevel === READ_COMMITTED) : undefined;
    if (problem) report(`a fetch's answer contradicts itself: ${problem}`);
  }
}

function problemWith(answer: Answer, isCommitted: boolean): string | undefined {
  const { highWatermark, lastStableOffset, logStartOffset, abortedTransactions, records } = answer;
  const firsts = (abortedTransactions ?? []).map(({ firstOffset }) => firstOffset);
  if (!isCommitted && firsts.length > 0) return "aborted transactions for a reader of everything";
  if (firsts.some((offset, index) => offset < (firsts[index - 1] ?? 0))) return `aborted transactions from ${firsts}`;
  if (logStartOffset > lastStableOffset || lastStableOffset > highWatermark) {
    return `it starts at ${logStartOffset}, is stable up to ${lastStableOffset} and ends at ${highWatermark}`;
  }
  const limitOffset = isCommitted ? lastStableOffset : highWatermark;
  const last = records ? [...batchesIn(records)].at(-1) : undefined;
  return last && last.nextOffset > limitOffset ? `a batch up to ${last.nextOffset} behind ${limitOffset}` : undefined;
}
