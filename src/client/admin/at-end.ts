/** Whether anything is left to read behind a position. */
import type { Clock } from "../../platform/clock.ts";
import { Consumer } from "../consumer/consumer.ts";
import type { Cluster } from "../network/cluster.ts";
import { EARLIEST, LATEST } from "../network/list-offsets.ts";
import { timedOut } from "../network/retry.ts";
import type { IsolationLevel, TopicPartition, TopicPartitionOffset } from "../types.ts";

type FindOffsets = (
  partitions: readonly TopicPartition[],
  timestamp: number,
  isolationLevel: IsolationLevel,
) => Promise<TopicPartitionOffset[]>;

const POLL_MS = 100;

/** What lies between a position and the end may be markers and aborted records only, which nobody reads: so one has to look. */
export async function isAtEnd(
  cluster: Cluster,
  findOffsets: FindOffsets,
  positions: readonly TopicPartitionOffset[],
  timeoutMs: number,
): Promise<boolean> {
  const ends = await findOffsets(positions, LATEST, "read_uncommitted");
  const stableEnds = await findOffsets(positions, LATEST, "read_committed");
  // The offsets of the transaction may be committed, and its records not yet: markers are written one by one.
  if (ends.some((end, index) => (stableEnds[index]?.offset ?? 0) < end.offset)) return false;
  const starts = await findOffsets(positions, EARLIEST, "read_uncommitted");
  const open = positions.flatMap(({ topic, partition, offset }, index) => {
    const from = Math.max(offset, starts[index]?.offset ?? 0);
    const end = stableEnds[index]?.offset ?? 0;
    return from < end ? [{ topic, partition, from, end }] : [];
  });
  if (open.length === 0) return true;
  const reader = new Consumer(cluster, { isolationLevel: "read_committed" }, () => {});
  try {
    reader.assign(open);
    for (const each of open) reader.seek(each, each.from);
    return await readsNothing(reader, open, cluster.platform.clock, timeoutMs);
  } finally {
    await reader.close();
  }
}

async function readsNothing(
  reader: Consumer,
  open: readonly (TopicPartition & { readonly end: number })[],
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  for (const deadline = clock.monotonic() + timeoutMs; clock.monotonic() < deadline; ) {
    if ((await reader.poll({ timeoutMs: POLL_MS })).length > 0) return false;
    const positions = await Promise.all(open.map((each) => reader.position(each)));
    if (open.every(({ end }, index) => (positions[index] ?? 0) >= end)) return true;
  }
  throw timedOut(
    `reading to the end of ${open.map(({ topic, partition }) => `${topic}-${partition}`).join()}`,
    undefined,
  );
}
