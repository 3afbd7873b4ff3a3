/** Where a partition's folder is moved to before it is removed. Apache Kafka's name for it, save for the form of the id. */
import type { Disk } from "../platform/disk.ts";

const SUFFIX = "-delete";
/** As file systems have it. A topic's name may take up nearly all of it. */
const MAX_NAME_LENGTH = 255;

/** Removes a folder, if there is one, moved aside in one step: nothing is ever found there in parts, and another may have its place. After a crash,
 * what is left of it is one of `leftFolders`. */
export function removeFolder(disk: Disk, folder: string, topicId: string): void {
  if (!disk.exists(folder)) return;
  const aside = asideOf(folder, topicId);
  disk.rename(folder, aside);
  disk.remove(aside);
}

/** The names of folders that were to be removed; no partition's own folder has such a name. */
export function leftFolders(disk: Disk, folder: string): string[] {
  const names = disk.list(folder).filter((name) => name.endsWith(`${SUFFIX}/`));
  return names.map((name) => name.slice(0, -1));
}

/** "data/topic-0" becomes "data/topic-0.4pDa7E0AQS6hJEFRVPTXMQ-delete", the topic's name cut where it is too long for that. */
function asideOf(folder: string, topicId: string): string {
  const nameAt = folder.lastIndexOf("/") + 1;
  const partitionAt = folder.lastIndexOf("-");
  const end = `${folder.slice(partitionAt)}.${topicId}${SUFFIX}`;
  return folder.slice(0, Math.min(partitionAt, nameAt + MAX_NAME_LENGTH - end.length)) + end;
}
