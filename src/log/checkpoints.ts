import type { Disk } from "../platform/disk.ts";
import type { Logger } from "../platform/logger.ts";
import { crcOf, readChecked, removeChecked, replaceChecked } from "./checked-text.ts";
import type { FolderSync } from "./folder-sync.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { PendingSnapshot } from "./producer-snapshot.ts";
import { EPOCHS_FILE, LOG_START_FILE, METADATA_FILE, segmentFileName } from "./segment-files.ts";
import { replaceFile, shortageOf } from "./write-file.ts";

interface CheckpointOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly folder: string;
  readonly folderSync: FolderSync;
  readonly topicPartition: { readonly topic: string; readonly partition: number };
  /** Of the snapshot files that are there. */
  readonly snapshotOffsets: readonly number[];
  /** Of the newest one that a start can go on from. */
  readonly soundSnapshotOffset: number | undefined;
  readonly onFailure: (error: Error) => void;
}

/** The small files beside the segments. They are written behind the appends' back, one after the other. */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  #snapshotOffsets: number[];
  #soundSnapshotOffset: number | undefined;
  #snapshotsToSave = 0;
  /** For want of room. */
  #unsavedEpochs: LeaderEpochs | undefined;
  #savedLogStartOffset = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#snapshotOffsets = [...options.snapshotOffsets];
    this.#soundSnapshotOffset = options.soundSnapshotOffset;
  }

  /** Of the newest snapshot that the next start can go on from. */
  get soundSnapshotOffset(): number | undefined {
    return this.#soundSnapshotOffset;
  }

  /** One was handed over that is not saved yet, or has failed. */
  get isSavingSnapshot(): boolean {
    return this.#snapshotsToSave > 0;
  }

  /** Resolves when everything handed over so far is done, or has failed. */
  settled(): Promise<void> {
    return this.#work;
  }

  /**
   * Writes a snapshot. The caller vouches that everything below its offset is durable: the file's presence says so to
   * the next start, so that compaction may leave gaps there. Therefore it has its name only once its bytes are durable, and an
   * older one of that offset stays until then. Snapshots in the middle of a segment go once a newer one is there. On a full
   * disk there will be none: the next start scans more.
   */
  saveSnapshot(snapshot: PendingSnapshot, segmentBaseOffsets: ReadonlySet<number>): void {
    this.#snapshotsToSave++;
    this.queue(async () => {
      await this.#saveSnapshot(snapshot, segmentBaseOffsets);
      this.#snapshotsToSave--;
    });
  }

  async #saveSnapshot(snapshot: PendingSnapshot, segmentBaseOffsets: ReadonlySet<number>): Promise<void> {
    const { offset } = snapshot;
    if (!(await this.#writeSnapshot(snapshot))) return;
    await this.#options.folderSync.run();
    this.#removeSnapshots((each) => each < offset && !segmentBaseOffsets.has(each));
    const others = this.#snapshotOffsets.filter((each) => each !== offset);
    this.#snapshotOffsets = [...others, offset].sort((a, b) => a - b);
    this.#soundSnapshotOffset = offset;
  }

  async #writeSnapshot({ offset, bytes }: PendingSnapshot): Promise<boolean> {
    const { disk, folder, logger } = this.#options;
    const name = segmentFileName(offset, "snapshot");
    try {
      await replaceFile(disk, folder, name, bytes);
      return true;
    } catch (error) {
      const shortage = shortageOf(error);
      if (shortage === undefined) throw error;
      logger.log("warn", `producer snapshot left out: ${shortage}`, { path: `${folder}/${name}` });
      disk.remove(`${folder}/${name}.tmp`);
      return false;
    }
  }

  /** Makes the log start offset durable, or finds no room for it; then calls `onDone`. On a full disk `makeRoom` comes
   * first. */
  saveLogStart(offset: number, makeRoom: () => Promise<void>, onDone: (isSaved: boolean) => void): void {
    this.queue(async () => {
      let isSaved = await this.#writeLogStart(offset);
      if (!isSaved) {
        await makeRoom();
        isSaved = await this.#writeLogStart(offset);
      }
      const { logger, folder } = this.#options;
      if (!isSaved) logger.log("warn", "log start offset not saved: there is no room for it", { folder, offset });
      onDone(isSaved);
    });
  }

  /** False on a full disk. */
  async #writeLogStart(offset: number): Promise<boolean> {
    if (offset <= this.#savedLogStartOffset) return true;
    const { topic, partition } = this.#options.topicPartition;
    try {
      // With the CRC in it: a power loss may leave one of two files new and the other old, and nothing to make a start that was
      // shown anew from.
      const text = `0\n1\n${topic} ${partition} ${offset}\n`;
      await this.#replace(LOG_START_FILE, `${text}crc32c ${crcOf(text)}\n`);
    } catch (error) {
      if (shortageOf(error) !== undefined) return false;
      throw error;
    }
    this.#savedLogStartOffset = offset;
    return true;
  }

  /** Removes the snapshots below `offset`, but never the newest sound one. */
  removeSnapshotsBelow(offset: number): void {
    this.queue(() => this.#removeSnapshots((each) => each < offset && each !== this.#soundSnapshotOffset));
  }

  /** The same for snapshots of a log that was another, which no start may go on from; resolves when that is durable, and the
   * removal of those that a newer one superseded. */
  async forgetSnapshotsBelow(offset: number): Promise<void> {
    this.removeSnapshotsBelow(offset);
    this.queue(() => this.#options.folderSync.run());
    await this.settled();
  }

  /** On a full disk there will be no such file until `saveMissingEpochs` finds room: a start reads the epochs from all batches. */
  saveEpochs(epochs: LeaderEpochs): void {
    const { disk, folder, folderSync, logger } = this.#options;
    this.queue(async () => {
      if (!epochs.areSure) {
        // What is in the file counts more than what stands in a batch: the next start, too, is to read them from the batches.
        removeChecked(disk, folder, EPOCHS_FILE);
        await folderSync.run();
        return;
      }
      try {
        await replaceChecked(disk, folder, EPOCHS_FILE, epochs.encode());
        await folderSync.run();
        this.#unsavedEpochs = undefined;
      } catch (error) {
        const shortage = shortageOf(error);
        if (shortage === undefined) throw error;
        if (!this.#unsavedEpochs) logger.log("warn", `leader epochs not saved: ${shortage}`, { folder });
        this.#unsavedEpochs = epochs;
        removeChecked(disk, folder, EPOCHS_FILE);
        await folderSync.run();
      }
    });
  }

  /** There may be room again. */
  saveMissingEpochs(): void {
    if (this.#unsavedEpochs) this.saveEpochs(this.#unsavedEpochs);
  }

  saveMetadata(topicId: string): void {
    this.queue(() => this.#replace(METADATA_FILE, `version: 0\ntopic_id: ${topicId}`));
  }

  /** Does something behind what was handed over so far. Its failure is theirs. */
  queue(task: () => Promise<void> | void): void {
    this.#work = this.#work.then(task).catch((error: Error) => this.#options.onFailure(error));
  }

  #removeSnapshots(isSuperseded: (offset: number) => boolean): void {
    const gone = this.#snapshotOffsets.filter(isSuperseded);
    for (const offset of gone) this.#options.disk.remove(this.#snapshotPath(offset));
    this.#snapshotOffsets = this.#snapshotOffsets.filter((offset) => !gone.includes(offset));
  }

  async #replace(name: string, text: string): Promise<void> {
    const { disk, folder, folderSync } = this.#options;
    await replaceFile(disk, folder, name, Buffer.from(text));
    await folderSync.run();
  }

  #snapshotPath(offset: number): string {
    return `${this.#options.folder}/${segmentFileName(offset, "snapshot")}`;
  }
}

type ReadDisk = Pick<Disk, "exists" | "readFile">;

/** The log start offset that `saveLogStart` left; 0 without one. Damaged, it counts as 0, and the caller hears of it: records
 * that were deleted may be back. */
export function readLogStartOffset(disk: ReadDisk, folder: string, onDamage: (path: string) => void): number {
  const path = `${folder}/${LOG_START_FILE}`;
  if (!disk.exists(path)) return 0;
  // Versions before wrote no CRC.
  const match = /^(0\n1\n\S+ \d+ (\d+)\n)(?:crc32c ([0-9a-f]{8})\n)?$/.exec(readText(disk, path));
  if (match && (match[3] === undefined || match[3] === crcOf(match[1] as string))) return Number(match[2]);
  onDamage(path);
  return 0;
}

/** What `saveEpochs` left; undefined when it is missing or damaged. */
export function readEpochs(disk: ReadDisk, folder: string): LeaderEpochs | undefined {
  const text = readChecked(disk, folder, EPOCHS_FILE);
  return text === undefined ? undefined : LeaderEpochs.decode(text);
}

/** The topic id in `partition.metadata`; undefined without the file, or when a crash left it unfinished. */
export function readTopicId(disk: ReadDisk, folder: string): string | undefined {
  return /^version: 0\ntopic_id: (\S{22})\s*$/.exec(readText(disk, `${folder}/${METADATA_FILE}`))?.[1];
}

function readText(disk: ReadDisk, path: string): string {
  return disk.exists(path) ? Buffer.from(disk.readFile(path)).toString() : "";
}
