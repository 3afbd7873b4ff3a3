/**
 * Puts a cleaned segment in the place of those it was made from, so that a crash at any point leaves either the old ones or
 * the new one.
 *
 * The new files are written as ".cleaned" and synced, then renamed to ".swap". From the moment when that is durable, the
 * new segment counts, whatever else is there: only then the old files go, and once that is durable too, the new ones get
 * their names. The order of names within one folder is nobody's promise until the folder is synced, so that each step waits
 * for the one before. Names are Apache Kafka's.
 */
import { defined } from "../../platform/assert.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Logger } from "../../platform/logger.ts";
import { BatchWindow } from "../batch-window.ts";
import { LogCorruptionError } from "../log-corruption-error.ts";
import type { Segment } from "../segment.ts";
import { parseSegmentFileName, SEGMENT_FILE_KINDS } from "../segment-files.ts";
import type { CompactableLog } from "./compactable-log.ts";

export const CLEANED_SUFFIX = ".cleaned";
const SWAP_SUFFIX = ".swap";
/** Names of interrupted work. */
const LEFT = /\.(cleaned|swap|deleted)$/;

/** A failure takes the log offline: whether the new segment counts is then up to the next start. */
export async function swapIn(log: CompactableLog, cleaned: Segment): Promise<void> {
  const { folderSync, segments } = log;
  try {
    cleaned.moveTo(SWAP_SUFFIX);
    await folderSync.run();
    // An index that was found damaged, and built anew, may be in a sync.
    while (segments.within(cleaned).some((segment) => !segments.isSynced(segment))) {
      // Then it never will be.
      if (log.offlineReason) throw log.offlineReason;
      await new Promise<void>((resolve) => log.clock.setImmediate(resolve));
    }
    const replaced = segments.replace(cleaned);
    for (const segment of replaced) segment.remove();
    await folderSync.run();
    cleaned.moveTo("");
    await folderSync.run();
  } catch (error) {
    log.fail(error as Error);
    throw error;
  }
}

/** What a start makes of a swap that a crash interrupted: one that was decided is carried out, one that was not leaves no trace. */
export interface SwapPlan {
  /** Names of files that go. */
  readonly removed: readonly string[];
  /** Those that lose their suffix, the logs last: they say that there is something to finish. */
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  /** The new segments. */
  readonly swaps: readonly { readonly offset: number; readonly nextOffset: number }[];
}

/** Undefined when nothing was interrupted. Throws a LogCorruptionError when a new segment cannot be read. */
export function planSwaps(disk: Pick<Disk, "list" | "open">, folder: string): SwapPlan | undefined {
  const names = disk.list(folder);
  if (!names.some((name) => LEFT.test(name))) return undefined;
  const swaps = names.flatMap((name) => {
    const file = swapFile(name);
    return file?.kind === "log" ? [{ ...file, nextOffset: nextOffsetIn(disk, `${folder}/${name}`) }] : [];
  });
  // Those whose indexes can be relied on: all are there, as they were synced. Else they are built anew when needed.
  const filesOf = (offset: number): number => names.filter((name) => swapFile(name)?.offset === offset).length;
  const whole = swaps.filter(({ offset }) => filesOf(offset) === SEGMENT_FILE_KINDS.length);
  const isKept = (name: string): boolean => {
    const file = swapFile(name);
    return file?.kind === "log" || whole.some(({ offset }) => offset === file?.offset);
  };
  const isSuperseded = (name: string): boolean => {
    const file = parseSegmentFileName(name);
    if (!file || !SEGMENT_FILE_KINDS.includes(file.kind)) return false;
    return swaps.some(({ offset, nextOffset }) => file.offset >= offset && file.offset < nextOffset);
  };
  return {
    removed: names.filter((name) => (LEFT.test(name) && !isKept(name)) || isSuperseded(name)),
    renamed: names
      .filter(isKept)
      .sort((a, b) => Number(swapFile(a)?.kind === "log") - Number(swapFile(b)?.kind === "log"))
      .map((from) => ({ from, to: from.slice(0, -SWAP_SUFFIX.length) })),
    swaps,
  };
}

/** Ends what a crash interrupted. To be called before a log's folder is looked into. */
export async function finishSwaps(disk: Disk, folder: string, logger: Logger): Promise<void> {
  const plan = planSwaps(disk, folder);
  if (!plan) return;
  for (const name of plan.removed) disk.remove(`${folder}/${name}`);
  await disk.syncFolder(folder);
  for (const { from, to } of plan.renamed) disk.rename(`${folder}/${from}`, `${folder}/${to}`);
  await disk.syncFolder(folder);
  for (const { offset, nextOffset } of plan.swaps) {
    logger.log("info", "compaction finished that was interrupted", { folder, baseOffset: offset, nextOffset });
  }
}

function swapFile(name: string): ReturnType<typeof parseSegmentFileName> {
  return name.endsWith(SWAP_SUFFIX) ? parseSegmentFileName(name.slice(0, -SWAP_SUFFIX.length)) : undefined;
}

function nextOffsetIn(disk: Pick<Disk, "open">, path: string): number {
  const file = disk.open(path, { readOnly: true });
  try {
    const window = new BatchWindow(file, file.size());
    let nextOffset: number | undefined;
    for (let position = 0; position < file.size(); ) {
      const batch = window.headerAt(position);
      if (!batch) throw new LogCorruptionError(path, position, window.problemAt(position));
      nextOffset = batch.nextOffset;
      position += batch.sizeBytes;
    }
    return defined(nextOffset, `${path} holds no batch`);
  } finally {
    file.close();
  }
}
