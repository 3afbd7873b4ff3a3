import type { Clock } from "../../platform/clock.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Checkpoints } from "../checkpoints.ts";
import type { FolderSync } from "../folder-sync.ts";
import type { LogConfig } from "../log-config.ts";
import type { LogHealth } from "../log-health.ts";
import type { ProducerEntry, ProducerState } from "../producer-state.ts";
import type { SegmentList } from "../segment-list.ts";
import type { CompactableLog } from "./compactable-log.ts";

/** The log as it is at the moment. */
interface LogView {
  readonly config: LogConfig;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
  flush(): Promise<void>;
}

interface CompactionPortOptions {
  readonly log: LogView;
  readonly name: string;
  readonly folderSync: FolderSync;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  readonly checkpoints: Checkpoints;
  readonly health: LogHealth;
  /** What a producer snapshot holds; undefined when there is none at that offset. */
  readonly readSnapshot: (offset: number) => readonly ProducerEntry[] | undefined;
}

/** Shows compaction what it needs of a partition's log, and no more. */
export class CompactionPort implements CompactableLog {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly folder: string;
  readonly folderSync: FolderSync;
  readonly name: string;
  readonly segments: SegmentList;
  readonly #parts: CompactionPortOptions;

  constructor(
    place: { readonly disk: Disk; readonly clock: Clock; readonly logger: Logger; readonly folder: string },
    parts: CompactionPortOptions,
  ) {
    this.disk = place.disk;
    this.clock = place.clock;
    this.logger = place.logger;
    this.folder = place.folder;
    this.name = parts.name;
    this.folderSync = parts.folderSync;
    this.segments = parts.segments;
    this.#parts = parts;
  }

  get config(): LogConfig {
    return this.#parts.log.config;
  }
  get logStartOffset(): number {
    return this.#parts.log.logStartOffset;
  }
  get logEndOffset(): number {
    return this.#parts.log.logEndOffset;
  }
  get lastStableOffset(): number {
    return this.#parts.log.lastStableOffset;
  }
  get recoveryOffset(): number {
    return this.#parts.checkpoints.soundSnapshotOffset ?? 0;
  }
  get offlineReason(): Error | undefined {
    return this.#parts.health.offlineReason;
  }

  producersAt(offset: number): readonly ProducerEntry[] {
    const { producers, readSnapshot } = this.#parts;
    const entries = readSnapshot(offset) ?? [...producers.entries()];
    return entries.filter(({ producerId }) => producers.get(producerId));
  }

  flush(): Promise<void> {
    return this.#parts.log.flush();
  }

  async forgetSnapshotsBelow(offset: number): Promise<void> {
    await this.#parts.checkpoints.forgetSnapshotsBelow(offset);
    if (this.offlineReason) throw this.offlineReason;
  }

  fail(error: Error): void {
    this.#parts.health.goOffline(error);
  }
}
