import { MetadataImage } from "../../broker/metadata/image.ts";
import { readMetadataRecord } from "../../broker/metadata/records.ts";
import { METADATA_TOPIC } from "../../broker/metadata/topic-name.ts";
import { BatchWindow } from "../../log/batch-window.ts";
import { parseSegmentFileName } from "../../log/segment-files.ts";
import type { Disk } from "../../platform/disk.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { recordsOf } from "../../protocol/records/record.ts";

/** The partitions whose logs have to be there: their names, "topic-0", and their topics' ids, as the metadata log in a data folder has
 * it, as far as it is sound; none when it is not ours. */
export function openedPartitions(disk: Disk, dataFolder: string): ReadonlyMap<string, string> {
  const image = new MetadataImage();
  try {
    for (const { key, value } of metadataRecords(disk, `${dataFolder}/${METADATA_TOPIC}-0`)) {
      image.apply(readMetadataRecord({ key: Buffer.from(key ?? "").toString(), value }));
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return new Map();
  }
  return new Map(
    image
      .topics()
      .flatMap(({ id, name, openedCount }) =>
        Array.from({ length: openedCount }, (_, index) => [`${name}-${index}`, id] as const),
      ),
  );
}

function* metadataRecords(disk: Disk, folder: string) {
  if (!disk.exists(folder)) return;
  for (const name of disk.list(folder).sort()) {
    if (parseSegmentFileName(name)?.kind !== "log") continue;
    const file = disk.open(`${folder}/${name}`, { readOnly: true });
    try {
      const window = new BatchWindow(file, file.size());
      let batch = window.batchAt(0);
      for (let position = 0; batch?.hasValidCrc(); batch = window.batchAt(position)) {
        position += batch.sizeBytes;
        yield* recordsOf(batch);
      }
    } finally {
      file.close();
    }
  }
}
