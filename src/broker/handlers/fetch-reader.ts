/** Reads what one Fetch asks for, as often as it takes until there is enough. */
import type { LateRead } from "../../log/types.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { LateBytes } from "../late-bytes.ts";
import { leaderEpochProblem } from "../leader-epoch.ts";
import type { Partition } from "../partition.ts";
import type { RequestContext } from "../router.ts";
import type { FetchRequest, FetchTarget, PartitionRead, PartitionResponse } from "./fetch-context.ts";

export interface FetchResult {
  /** In the order of the targets. */
  readonly read: readonly PartitionRead[];
  /** Of their records, those that are still to be read, in this turn of the event loop. */
  readonly late: LateBytes;
  readonly bytes: number;
  /** Whether the reply can go out before the request's waiting time is over. */
  readonly isEnough: boolean;
}

/** Topics by id, not by name. */
const TOPIC_ID_VERSION = 13;
/** The first version whose clients know KAFKA_STORAGE_ERROR. */
const STORAGE_ERROR_VERSION = 6;
const READ_COMMITTED = 1;
const NO_RECORDS = new Uint8Array(0);
/** A reply with less room than this part of it is full: of most partitions no batch would fit, and finding that out costs a look at
 * each one's index and file. */
const FULL_PART = 1 / 16;

export class FetchReader {
  readonly #services: BrokerServices;
  readonly #request: FetchRequest;
  readonly #targets: readonly FetchTarget[];
  readonly #maxBytes: number;
  readonly #peer: RequestContext["peer"];
  readonly #isById: boolean;
  readonly #knowsStorageError: boolean;
  readonly #isolation: "read_committed" | "read_uncommitted";
  /** Of the read that is going on. */
  #hasRoom = true;
  #bytesLeft = 0;
  #bytesRead = 0;
  /** With what is there and was not read, as the limits were: a request for so many bytes does not wait for more of them. Source:
   * DelayedFetch. */
  #bytesAvailable = 0;
  #isUrgent = false;
  #late: Map<Uint8Array, LateRead> = new Map();

  constructor(
    services: BrokerServices,
    request: FetchRequest,
    targets: readonly FetchTarget[],
    { peer, apiVersion, clientId }: RequestContext,
  ) {
    this.#services = services;
    this.#request = request;
    this.#targets = targets;
    const { config, quotas } = services;
    this.#maxBytes = Math.min(request.maxBytes, config.maxFetchBytes, quotas.fetchLimitBytes(clientId));
    this.#peer = peer;
    this.#isById = apiVersion >= TOPIC_ID_VERSION;
    this.#knowsStorageError = apiVersion >= STORAGE_ERROR_VERSION;
    this.#isolation = request.isolationLevel === READ_COMMITTED ? "read_committed" : "read_uncommitted";
  }

  read(): FetchResult {
    const roomBytes = this.#peer.replyRoomBytes;
    this.#hasRoom = roomBytes > 0;
    this.#bytesLeft = Math.min(this.#maxBytes, roomBytes);
    this.#bytesRead = 0;
    this.#bytesAvailable = 0;
    this.#isUrgent = false;
    this.#late = new Map();
    const read = this.#targets.map((target) => this.#readPartition(this.#find(target), target));
    const minBytes = Math.min(this.#request.minBytes, this.#maxBytes);
    const isEnough = this.#isUrgent || this.#bytesAvailable >= minBytes;
    return { read, late: this.#late, bytes: this.#bytesRead, isEnough };
  }

  /** The partitions whose advance could matter. */
  partitions(): Partition[] {
    return this.#targets.map((target) => this.#find(target)).filter((found) => typeof found !== "string");
  }

  /** Whether another read can give more than nothing: cheaper than the read. */
  hasNews(): boolean {
    return this.#targets.some((target) => {
      const partition = this.#find(target);
      return typeof partition === "string" || this.#endOf(partition) > target.fetchOffset;
    });
  }

  #endOf({ log }: Partition): number {
    return this.#isolation === "read_committed" ? log.lastStableOffset : log.highWatermark;
  }

  #find({ topic, topicId, partition }: FetchTarget): Partition | ErrorName {
    const { partitions, image } = this.#services;
    if (!this.#isById) return partitions.find(topic, partition);
    return image.topicById(topicId) ? partitions.findById(topicId, partition) : "UNKNOWN_TOPIC_ID";
  }

  #readPartition(partition: Partition | ErrorName, asked: FetchTarget): PartitionRead {
    if (typeof partition === "string") return this.#failed(asked.partition, partition);
    const { log } = partition;
    const epochProblem = leaderEpochProblem(asked.currentLeaderEpoch, log.leaderEpoch);
    if (epochProblem) return this.#failed(asked.partition, epochProblem);
    if (this.#isTold(partition, asked)) return undefined;
    const diverging = this.#divergence(partition, asked);
    if (diverging) return diverging;
    const isFirst = this.#bytesRead === 0;
    const isFull = !isFirst && this.#bytesLeft < this.#maxBytes * FULL_PART;
    if (isFull) this.#isUrgent = true;
    const outcome = log.read({
      offset: asked.fetchOffset,
      maxBytes: isFull ? 0 : Math.max(0, Math.min(asked.partitionMaxBytes, this.#bytesLeft)),
      isolation: this.#isolation,
      minOneBatch: isFirst && this.#hasRoom,
      mayBeLate: true,
    });
    if (!outcome.ok) return this.#failed(asked.partition, outcome.error);
    const { records, late, highWatermark, lastStableOffset, logStartOffset, abortedTransactions } = outcome;
    if (late) this.#late.set(records, late);
    this.#bytesRead += records.length;
    this.#bytesAvailable += outcome.availableBytes;
    this.#bytesLeft -= records.length;
    return {
      partitionIndex: asked.partition,
      errorCode: errorCodes.NONE,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      abortedTransactions: this.#isolation === "read_committed" ? abortedTransactions : null,
      records,
    };
  }

  /** A session of many partitions has news of few. */
  #isTold(partition: Partition, { told, fetchOffset, lastFetchedEpoch }: FetchTarget): boolean {
    if (!told || lastFetchedEpoch >= 0 || fetchOffset !== this.#endOf(partition)) return false;
    const { highWatermark, logStartOffset } = partition.log;
    return told.highWatermark === highWatermark && told.logStartOffset === logStartOffset;
  }

  /** A reader whose last batch is not in this log must go back to where the two agree (KIP-595). */
  #divergence({ log }: Partition, asked: FetchTarget): PartitionResponse | undefined {
    if (asked.lastFetchedEpoch < 0) return undefined;
    const end = log.offsetForLeaderEpoch(asked.lastFetchedEpoch);
    if (!end) return this.#failed(asked.partition, "OFFSET_OUT_OF_RANGE");
    if (end.leaderEpoch === asked.lastFetchedEpoch && end.endOffset >= asked.fetchOffset) return undefined;
    this.#isUrgent = true;
    return {
      partitionIndex: asked.partition,
      errorCode: errorCodes.NONE,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
      divergingEpoch: { epoch: end.leaderEpoch, endOffset: end.endOffset },
      abortedTransactions: null,
      records: NO_RECORDS,
    };
  }

  #failed(partitionIndex: number, error: ErrorName): PartitionResponse {
    this.#isUrgent = true;
    const isUnknown = error === "KAFKA_STORAGE_ERROR" && !this.#knowsStorageError;
    return {
      partitionIndex,
      errorCode: errorCodes[isUnknown ? "NOT_LEADER_OR_FOLLOWER" : error],
      highWatermark: -1,
      abortedTransactions: null,
      records: NO_RECORDS,
    };
  }
}
