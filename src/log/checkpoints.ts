import type { Disk } from "../platform/disk.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { PendingSnapshot } from "./recovery.ts";
import { replaceFile } from "./replace-file.ts";
import { EPOCHS_FILE, LOG_START_FILE, METADATA_FILE, segmentFileName } from "./segment-files.ts";

interface CheckpointOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly topicPartition: { readonly topic: string; readonly partition: number };
  /** Of the snapshot files that are there. */
  readonly snapshotOffsets: readonly number[];
  readonly onFailure: (error: Error) => void;
}

/** The small files beside the segments. They are written behind the appends' back, one after the other. */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  #snapshotOffsets: number[];
  #savedLogStartOffset = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#snapshotOffsets = [...options.snapshotOffsets];
  }

  get newestSnapshotOffset(): number | undefined {
    return this.#snapshotOffsets.at(-1);
  }

  /** Resolves when everything handed over so far is on disk, or has failed. */
  settled(): Promise<void> {
    return this.#work;
  }

  /**
   * Writes a snapshot. The caller vouches that everything below its offset is durable: the file's presence says so to
   * the next start. It needs no rename, for its CRC tells when it is torn. Snapshots in the middle of a segment, which
   * clean stops leave, go once a newer one is there.
   */
  saveSnapshot(snapshot: PendingSnapshot, segmentBaseOffsets: ReadonlySet<number>): void {
    this.#queue(async () => {
      const { disk, folder } = this.#options;
      const path = this.#snapshotPath(snapshot.offset);
      disk.remove(path);
      const file = disk.open(path, { create: true });
      try {
        file.write([snapshot.bytes], 0);
        await file.sync();
      } finally {
        file.close();
      }
      await disk.syncFolder(folder);
      this.#remove((offset) => offset < snapshot.offset && !segmentBaseOffsets.has(offset));
      const others = this.#snapshotOffsets.filter((offset) => offset !== snapshot.offset);
      this.#snapshotOffsets = [...others, snapshot.offset].sort((a, b) => a - b);
    });
  }

  /** Removes the snapshots below `offset`, but never the newest one. */
  removeSnapshotsBelow(offset: number): void {
    this.#queue(async () => {
      const { newestSnapshotOffset } = this;
      this.#remove((each) => each < offset && each !== newestSnapshotOffset);
    });
  }

  saveLogStartOffset(offset: number): void {
    this.#queue(async () => {
      if (offset <= this.#savedLogStartOffset) return;
      this.#savedLogStartOffset = offset;
      const { topic, partition } = this.#options.topicPartition;
      await this.#replace(LOG_START_FILE, `0\n1\n${topic} ${partition} ${offset}\n`);
    });
  }

  saveEpochs(epochs: LeaderEpochs): void {
    this.#queue(() => this.#replace(EPOCHS_FILE, epochs.encode()));
  }

  saveMetadata(topicId: string): void {
    this.#queue(() => this.#replace(METADATA_FILE, `version: 0\ntopic_id: ${topicId}`));
  }

  #remove(isSuperseded: (offset: number) => boolean): void {
    const gone = this.#snapshotOffsets.filter(isSuperseded);
    for (const offset of gone) this.#options.disk.remove(this.#snapshotPath(offset));
    this.#snapshotOffsets = this.#snapshotOffsets.filter((offset) => !gone.includes(offset));
  }

  async #replace(name: string, text: string): Promise<void> {
    const { disk, folder } = this.#options;
    await replaceFile(disk, folder, name, Buffer.from(text));
    await disk.syncFolder(folder);
  }

  #queue(task: () => Promise<void>): void {
    this.#work = this.#work.then(task).catch((error: Error) => this.#options.onFailure(error));
  }

  #snapshotPath(offset: number): string {
    return `${this.#options.folder}/${segmentFileName(offset, "snapshot")}`;
  }
}

/** The log start offset that `saveLogStartOffset` left; 0 without one. */
export function readLogStartOffset(disk: Disk, folder: string): number {
  const text = readText(disk, `${folder}/${LOG_START_FILE}`);
  const match = /^0\n1\n\S+ \d+ (\d+)\n$/.exec(text);
  return match ? Number(match[1]) : 0;
}

/** The topic id in `partition.metadata`; undefined without the file, or when a crash left it unfinished. */
export function readTopicId(disk: Disk, folder: string): string | undefined {
  return /^version: 0\ntopic_id: (\S{22})\s*$/.exec(readText(disk, `${folder}/${METADATA_FILE}`))?.[1];
}

function readText(disk: Disk, path: string): string {
  return disk.exists(path) ? Buffer.from(disk.readFile(path)).toString() : "";
}
