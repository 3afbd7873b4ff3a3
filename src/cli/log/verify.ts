/** Looks at the logs in a folder: a broker's, or one partition's. */

import { METADATA_TOPIC, METADATA_TOPIC_ID } from "../../broker/metadata/topic-name.ts";
import { CLEANER_CHECKPOINT_FILE, readCleanedOffsets } from "../../log/compaction/cleaner-checkpoint.ts";
import type { Extent, Finding } from "../../log/offline/finding.ts";
import { verifyPartition } from "../../log/offline/verify-partition.ts";
import { parseSegmentFileName } from "../../log/segment-files.ts";
import { type Disk, DiskError, type FolderLock } from "../../platform/disk.ts";
import { CliError } from "../cli-error.ts";
import { openedPartitions } from "./opened-partitions.ts";

export interface Verdict extends Extent {
  readonly partitions: number;
  readonly damages: number;
}

/** Yields a line for each finding, and returns what was seen. Throws a CliError when the folder is none of a broker's, or a
 * broker runs on it. */
export function* verifyFolder(disk: Disk, folder: string): Generator<string, Verdict, undefined> {
  if (!disk.exists(folder)) throw new CliError(`${folder}: no such folder`);
  const isPartition = isPartitionFolder(disk, folder);
  const dataFolder = isPartition ? parentOf(folder) : folder;
  const partitions = isPartition ? [folder] : partitionFolders(disk, folder);
  if (partitions.length === 0) throw new CliError(`${folder}: neither a broker's data folder nor a partition's`);
  const lock = lockOf(disk, dataFolder);
  try {
    const known = openedPartitions(disk, dataFolder);
    const lost = [...known.keys()]
      .map((name) => `${dataFolder}/${name}`)
      .filter((each) => !isPartition || each === folder)
      .filter((each) => !hasSegment(disk, each));
    const topicIds = new Map([...known, [`${METADATA_TOPIC}-0`, METADATA_TOPIC_ID]]);
    return yield* verifyPartitions(disk, dataFolder, partitions, { lost, topicIds });
  } finally {
    lock?.release();
  }
}

function* verifyPartitions(
  disk: Disk,
  dataFolder: string,
  folders: readonly string[],
  { lost, topicIds }: { readonly lost: readonly string[]; readonly topicIds: ReadonlyMap<string, string> },
): Generator<string, Verdict, undefined> {
  const cleaned = readCleanedOffsets(disk, dataFolder);
  const total = { partitions: folders.length, segments: 0, batches: 0, bytes: 0, damages: 0 };
  const path = `${dataFolder}/${CLEANER_CHECKPOINT_FILE}`;
  if (!cleaned && disk.exists(path)) {
    yield describeFinding({
      path,
      problem: "the file, or its CRC, is damaged: the next start compacts logs anew",
      isDamage: true,
    });
    total.damages++;
  }
  const told = new Set<string>();
  for (const folder of folders) {
    const findings: Finding[] = [];
    const cleanedOffset = cleaned?.get(topicAndPartition(folder)) ?? 0;
    const { segments, batches, bytes } = verifyPartition(disk, folder, {
      cleanedOffset,
      topicId: topicIds.get(nameOf(folder)),
      onFinding: (finding) => findings.push(finding),
    });
    total.segments += segments;
    total.batches += batches;
    total.bytes += bytes;
    total.damages += findings.filter(({ isDamage }) => isDamage).length;
    for (const finding of findings) {
      if (finding.isDamage) told.add(finding.path);
      yield describeFinding(finding);
    }
  }
  for (const path of lost) {
    if (told.has(path)) continue;
    const problem = "there is no segment of a log that was opened: its partition will be offline";
    yield describeFinding({ path, problem, isDamage: true });
    total.damages++;
  }
  return total;
}

function describeFinding({ path, position, problem, isDamage }: Finding): string {
  const place = position === undefined ? path : `${path} position ${position}`;
  return `${isDamage ? "DAMAGED" : "note"} ${place}: ${problem}`;
}

function isPartitionFolder(disk: Disk, folder: string): boolean {
  const names = disk.list(folder);
  return names.some((name) => parseSegmentFileName(name) !== undefined) || names.includes("partition.metadata");
}

function partitionFolders(disk: Disk, folder: string): string[] {
  return disk
    .list(folder)
    .filter((name) => /-\d+\/$/.test(name))
    .map((name) => `${folder}/${name.slice(0, -1)}`)
    .filter((each) => isPartitionFolder(disk, each));
}

/** A compaction that was interrupted may have left it under another name. */
function hasSegment(disk: Disk, folder: string): boolean {
  return disk.exists(folder) && disk.list(folder).some((name) => /\.log(\.swap)?$/.test(name));
}

/** What is written meanwhile would look like damage. A folder that cannot be locked for another reason (it may be read-only)
 * is looked at as it is. */
function lockOf(disk: Disk, folder: string): FolderLock | undefined {
  if (!disk.exists(`${folder}/.lock`)) return undefined;
  try {
    return disk.lock(folder);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === "LOCKED") throw new CliError(`${folder} is in use by a broker: stop it first`);
    return undefined;
  }
}

/** "topic 0" of "data/topic-0". */
function topicAndPartition(folder: string): string {
  return nameOf(folder).replace(/-(\d+)$/, " $1");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function parentOf(folder: string): string {
  const slash = folder.lastIndexOf("/");
  return slash < 0 ? "." : folder.slice(0, Math.max(slash, 1));
}
