/** The broker's partitions as they lie on its disk. */
import { type StoredPartition, StoredPartitionReader } from "../src/cli/verify/check/stored-partition.ts";
import type { Disk } from "../src/platform/disk.ts";

/** Every partition of the folder but the cluster's own log. */
export function readStoredPartitions(disk: Disk, dataDir: string): StoredPartition[] {
  return disk.list(dataDir).flatMap((name) => {
    const match = /^(?<topic>.+)-(?<partition>\d+)\/$/.exec(name)?.groups;
    if (!match || match.topic === "__cluster_metadata") return [];
    const folder = `${dataDir}/${name.slice(0, -1)}`;
    const files = disk.list(folder).filter((file) => file.endsWith(".log"));
    const firstOffset = Number(files[0]?.slice(0, -".log".length) ?? 0);
    const partition = { topic: match.topic ?? "", partition: Number(match.partition) };
    const reader = new StoredPartitionReader(partition, Math.max(firstOffset, checkpointedStart(disk, folder)));
    for (const file of files) reader.add(disk.readFile(`${folder}/${file}`));
    return [reader.result()];
  });
}

/** "0", the count, "topic partition offset", and a line with a CRC. */
function checkpointedStart(disk: Disk, folder: string): number {
  const path = `${folder}/log-start-offset-checkpoint`;
  const text = disk.exists(path) ? Buffer.from(disk.readFile(path)).toString() : "";
  return Number(/ (\d+)\ncrc32c [0-9a-f]{8}\n$/.exec(text)?.[1] ?? 0);
}
