/** The broker's partitions as they lie on its disk. */
import { type StoredPartition, StoredPartitionReader } from "../src/cli/verify/check/stored-partition.ts";
import type { Disk } from "../src/platform/disk.ts";

/** Every partition of the folder but the cluster's own log. */
export function readStoredPartitions(disk: Disk, dataDir: string): StoredPartition[] {
  return disk.list(dataDir).flatMap((name) => {
    const match = /^(?<topic>.+)-(?<partition>\d+)\/$/.exec(name)?.groups;
    if (!match || match.topic === "__cluster_metadata") return [];
    const reader = new StoredPartitionReader({ topic: match.topic ?? "", partition: Number(match.partition) });
    const folder = `${dataDir}/${name.slice(0, -1)}`;
    for (const file of disk.list(folder)) if (file.endsWith(".log")) reader.add(disk.readFile(`${folder}/${file}`));
    return [reader.result()];
  });
}
