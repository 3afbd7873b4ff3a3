/** The file `cleaner-offset-checkpoint`: up to where each partition is compacted. Apache Kafka's format: version 0, the
 * number of lines, then "topic partition offset" a line. */

import type { Disk } from "../../platform/disk.ts";
import { readChecked } from "../checked-text.ts";

export const CLEANER_CHECKPOINT_FILE = "cleaner-offset-checkpoint";

/** By "topic partition". */
export type CleanedOffsets = ReadonlyMap<string, number>;

export function encodeCleanedOffsets(offsets: CleanedOffsets): string {
  const lines = [...offsets].map(([partition, offset]) => `${partition} ${offset}\n`);
  return `0\n${lines.length}\n${lines.join("")}`;
}

/** Undefined when `text` is no such file. */
function decodeCleanedOffsets(text: string): Map<string, number> | undefined {
  const [version, count, ...lines] = text.split("\n");
  if (version !== "0" || lines.pop() !== "" || lines.length !== Number(count)) return undefined;
  const offsets = new Map<string, number>();
  for (const line of lines) {
    const match = /^(\S+ \d+) (\d+)$/.exec(line);
    if (!match) return undefined;
    offsets.set(match[1] as string, Number(match[2]));
  }
  return offsets;
}

/** Undefined when the file is missing or damaged. */
export function readCleanedOffsets(disk: Disk, folder: string): Map<string, number> | undefined {
  const text = readChecked(disk, folder, CLEANER_CHECKPOINT_FILE);
  return text === undefined ? undefined : decodeCleanedOffsets(text);
}
