/** Looks at the answers to fetches as they come over the wire: what the client could put right by itself, another may not. The
 * class that asks is wrapped from outside. */
import { Lane } from "../src/client/network/lane.ts";
import { PartitionLog } from "../src/log/partition-log.ts";
import { fetch } from "../src/protocol/apis/fetch.ts";
import { batchesIn } from "../src/protocol/records/batch.ts";
import type { RequestOf, ResponseOf } from "../src/protocol/schema.ts";
import { ShownOffsets } from "./shown-offsets.ts";
import type { World } from "./world/world.ts";

type Answer = ResponseOf<typeof fetch>["responses"][number]["partitions"][number];

const READ_COMMITTED: RequestOf<typeof fetch>["isolationLevel"] = 1;

let world: Pick<World, "report" | "told"> = { report: () => {}, told: () => {} };
let shown = new ShownOffsets(() => {});
let isInstalled = false;

/** Of this world, from now on. */
export function checkAnswers(checked: World): void {
  world = checked;
  shown = new ShownOffsets((problem) => checked.report(problem));
  if (isInstalled) return;
  isInstalled = true;
  watchStarts();
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
  for (const { topicId, partitions } of responses) {
    for (const answer of partitions) {
      if (answer.errorCode !== 0) continue;
      const problem = problemWith(answer, isolationLevel === READ_COMMITTED);
      if (problem) world.report(`a fetch's answer contradicts itself: ${problem}`);
      if (shown.note(topicId, answer.partitionIndex, answer)) world.told();
    }
  }
}

function watchStarts(): void {
  const original = PartitionLog.open;
  PartitionLog.open = async (options) => {
    const log = await original.call(PartitionLog, options);
    shown.check(options, log);
    return log;
  };
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
  const batches = records ? [...batchesIn(records)] : [];
  const epochs = batches.map(({ leaderEpoch }) => leaderEpoch);
  if (epochs.some((epoch, index) => epoch < (epochs[index - 1] ?? 0))) return `batches of the leader epochs ${epochs}`;
  const last = batches.at(-1);
  return last && last.nextOffset > limitOffset ? `a batch up to ${last.nextOffset} behind ${limitOffset}` : undefined;
}
