/**
 * Looks at one partition's folder without changing it: every batch's CRC and place, the indexes against the batches, the
 * producer snapshots and the index of aborted transactions against what the batches make of them. Memory does not grow with
 * the log.
 *
 * Behind the recovery point (the newest snapshot) a batch that does not hold is what a crash may leave: the next start cuts
 * the log there. Below it everything was durable, and what does not hold is damage.
 */
import type { Disk } from "../../platform/disk.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import { readEpochs, readLogStartOffset, readTopicId } from "../checkpoints.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import { decodeProducerSnapshot } from "../producer-snapshot.ts";
import { type ProducerEntry, ProducerState } from "../producer-state.ts";
import {
  EPOCHS_FILE,
  FAILED_SYNC_FILE,
  METADATA_FILE,
  parseSegmentFileName,
  segmentFileName,
} from "../segment-files.ts";
import type { Extent, Finding } from "./finding.ts";
import { SegmentCheck } from "./segment-check.ts";
import { StartView } from "./start-view.ts";

export interface VerifyOptions {
  /** Below it the log is known to be compacted, maybe by Apache Kafka, which leaves gaps between segments. Default 0. */
  readonly cleanedOffset?: number;
  /** Of the topic that the folder belongs to; undefined where that is not known. */
  readonly topicId?: string | undefined;
  readonly onFinding: (finding: Finding) => void;
}

/** Rejects with a DiskError when the folder cannot be read. */
export function verifyPartition(disk: Disk, folder: string, options: VerifyOptions): Extent {
  return new PartitionCheck(disk, folder, options).run();
}

class PartitionCheck {
  /** What counts is what the next start will find. */
  readonly #disk: StartView;
  readonly #folder: string;
  readonly #cleanedOffset: number;
  readonly #topicId: string | undefined;
  readonly #onFinding: (finding: Finding) => void;
  readonly #extent: Extent = { segments: 0, batches: 0, bytes: 0 };
  readonly #baseOffsets: number[];
  readonly #snapshots: ReadonlyMap<number, readonly ProducerEntry[]>;
  readonly #recoveryPoint: number;
  readonly #epochs: LeaderEpochs | undefined;
  readonly #producers = new ProducerState();
  /** From there on `#producers` knows all batches. */
  #knownFrom: number;

  constructor(disk: Disk, folder: string, { cleanedOffset = 0, topicId, onFinding }: VerifyOptions) {
    const view = new StartView(disk, folder, onFinding);
    this.#disk = view;
    this.#folder = folder;
    this.#cleanedOffset = cleanedOffset;
    this.#topicId = topicId;
    this.#onFinding = (finding) => onFinding({ ...finding, path: view.placeOf(finding.path) });
    const files = view.list(folder).map(parseSegmentFileName);
    const offsetsOf = (kind: string): number[] =>
      files.flatMap((file) => (file?.kind === kind ? [file.offset] : [])).sort((a, b) => a - b);
    this.#baseOffsets = offsetsOf("log");
    const snapshotOffsets = offsetsOf("snapshot");
    const first = this.#baseOffsets[0] ?? 0;
    const logStartOffset = readLogStartOffset(view, folder, (path) =>
      this.#damage(path, "the log start offset is damaged"),
    );
    this.#recoveryPoint = Math.max(first, logStartOffset, ...snapshotOffsets);
    this.#snapshots = new Map(snapshotOffsets.flatMap((offset) => this.#readSnapshot(offset)));
    this.#epochs = this.#readEpochs();
    this.#producers.load(
      (this.#snapshots.get(first) ?? []).map((entry) => ({ ...entry, batches: [...entry.batches] })),
    );
    this.#knownFrom = this.#snapshots.has(first) || first === 0 ? 0 : first;
  }

  run(): Extent {
    this.#checkMetadata();
    if (this.#baseOffsets.length === 0 && this.#recoveryPoint > 0) {
      this.#damage(this.#folder, `no segment is left of a log that was durable up to ${this.#recoveryPoint}`);
    }
    let endOffset = this.#baseOffsets[0] ?? 0;
    for (const [i, baseOffset] of this.#baseOffsets.entries()) {
      if (baseOffset > endOffset && endOffset >= this.#cleanedOffset) {
        const isDamage = endOffset < this.#recoveryPoint;
        const missing = `offsets ${endOffset} to ${baseOffset - 1} are missing before it`;
        const problem = isDamage ? missing : `${missing}, which were not durable: the next start removes it`;
        this.#onFinding({ path: this.#path(baseOffset, "log"), problem, isDamage });
        if (!isDamage) break;
      }
      if (baseOffset > endOffset) this.#compacted(baseOffset);
      endOffset = this.#checkSegment(baseOffset, this.#baseOffsets[i + 1]);
    }
    if (endOffset < this.#recoveryPoint && this.#baseOffsets.length > 0) {
      const path = this.#path(this.#baseOffsets.at(-1) ?? 0, "log");
      this.#damage(path, `the log ends at offset ${endOffset}, but was durable up to ${this.#recoveryPoint}`);
    }
    return this.#extent;
  }

  /** Gives the offset behind the last sound batch. */
  #checkSegment(baseOffset: number, nextBaseOffset: number | undefined): number {
    const check = new SegmentCheck({
      disk: this.#disk,
      folder: this.#folder,
      baseOffset,
      nextBaseOffset,
      recoveryPoint: this.#recoveryPoint,
      producers: this.#producers,
      producersKnownFrom: () => this.#knownFrom,
      onCompacted: (offset) => this.#compacted(offset),
      onFinding: (finding) => this.#found(finding),
      epochs: this.#epochs,
      onBatch: (batch) => this.#checkBatch(batch),
    });
    const { endOffset, batches, bytes } = check.run();
    this.#extent.segments++;
    this.#extent.batches += batches;
    this.#extent.bytes += bytes;
    return endOffset;
  }

  /** Behind a batch that does not hold nobody knows what the producers should be. */
  #found(finding: Finding): void {
    if (finding.isDamage && finding.path.endsWith(".log")) this.#knownFrom = Number.POSITIVE_INFINITY;
    this.#onFinding(finding);
  }

  /** What was there of the producers below is not known. */
  #compacted(offset: number): void {
    this.#knownFrom = Math.max(this.#knownFrom, offset);
  }

  /** After `producers` took the batch in. */
  #checkBatch(batch: RecordBatch): void {
    const snapshot = this.#snapshots.get(batch.nextOffset);
    if (snapshot && batch.nextOffset > this.#cleanedOffset) this.#compareSnapshot(batch.nextOffset, snapshot);
  }

  /** Expired producers may be missing from a snapshot; what is there must be true. */
  #compareSnapshot(offset: number, snapshot: readonly ProducerEntry[]): void {
    for (const entry of snapshot) {
      const last = entry.batches.at(-1);
      if ((last?.lastOffset ?? entry.txnFirstOffset) < this.#knownFrom) continue;
      const actual = this.#producers.get(entry.producerId);
      const isTrue =
        actual?.producerEpoch === entry.producerEpoch &&
        (actual.txnFirstOffset === entry.txnFirstOffset || this.#isUnknown(entry.txnFirstOffset)) &&
        (!last ||
          (actual.batches.at(-1)?.lastSequence === last.lastSequence &&
            actual.batches.at(-1)?.lastOffset === last.lastOffset));
      if (!isTrue) {
        this.#damage(this.#path(offset, "snapshot"), `producer ${entry.producerId} is not as the batches leave it`);
      }
    }
  }

  #isUnknown(offset: number): boolean {
    return offset >= 0 && offset < this.#knownFrom;
  }

  #readSnapshot(offset: number): [number, readonly ProducerEntry[]][] {
    const path = this.#path(offset, "snapshot");
    try {
      return [[offset, decodeProducerSnapshot(this.#disk.readFile(path), 0)]];
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#damage(path, error.message);
      return [];
    }
  }

  #readEpochs(): LeaderEpochs | undefined {
    const path = `${this.#folder}/${EPOCHS_FILE}`;
    const epochs = readEpochs(this.#disk, this.#folder);
    if (epochs) return epochs;
    if (this.#disk.exists(path)) this.#damage(path, "the file, or its CRC, is damaged");
    else
      this.#onFinding({
        path,
        problem: "the file is missing: a start reads the epochs from all batches",
        isDamage: false,
      });
    return undefined;
  }

  #checkMetadata(): void {
    const path = `${this.#folder}/${METADATA_FILE}`;
    const topicId = readTopicId(this.#disk, this.#folder);
    if (topicId === undefined) this.#damage(path, "no topic id can be read from it");
    else if (topicId !== (this.#topicId ?? topicId)) {
      this.#damage(path, `the topic id ${topicId}, where the cluster's metadata has ${this.#topicId}`);
    }
    const failedSync = `${this.#folder}/${FAILED_SYNC_FILE}`;
    if (this.#disk.exists(failedSync)) {
      const problem = "a sync failed: what lies behind the newest snapshot may be in the page cache alone";
      this.#onFinding({ path: failedSync, problem, isDamage: false });
    }
    for (const name of this.#disk.list(this.#folder)) {
      const file = parseSegmentFileName(name);
      const isOrphan = file && file.kind !== "snapshot" && !this.#baseOffsets.includes(file.offset);
      if (isOrphan || name.endsWith(".tmp")) {
        const problem = "left over: the next start removes it";
        this.#onFinding({ path: `${this.#folder}/${name}`, problem, isDamage: false });
      }
    }
  }

  #path(offset: number, kind: "log" | "snapshot"): string {
    return `${this.#folder}/${segmentFileName(offset, kind)}`;
  }

  #damage(path: string, problem: string): void {
    this.#onFinding({ path, problem, isDamage: true });
  }
}
