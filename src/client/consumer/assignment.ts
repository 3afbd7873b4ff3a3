/** The partitions that a consumer reads, and where it stands in each. Pure. */

import type { MetadataCache } from "../network/metadata-cache.ts";
import type { ConsumerRecord, TopicPartition } from "../types.ts";
import type { FetchedChunk, Position } from "./fetched-chunk.ts";

/** Where a partition without a position is to start. */
export type Start = "committed" | "beginning" | "end";

export class AssignedPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  isPaused: boolean = false;
  /** Of the broker's last answer; -1 before. */
  highWatermark: number = -1;
  /** Not to be asked about before: the last answer was an error. */
  askAt: number = Number.NEGATIVE_INFINITY;
  /** A fetch from the position is on its way. */
  isFetching: boolean = false;
  /** There was nothing at the last look. */
  isQuiet: boolean = false;
  /** The leader epoch under which the position is known to be in the log. */
  validatedEpoch: number = -1;
  /** Of the topic that the position is in, as soon as it is known. */
  #topicId: string | undefined;
  /** Of the topic that the last `poll` was about; undefined before. */
  polledTopicId: string | undefined;
  #start: Start | undefined;
  #position: Position | undefined;
  #chunks: FetchedChunk[] = [];
  #version = 0;

  constructor({ topic, partition }: TopicPartition, start: Start) {
    this.topic = topic;
    this.partition = partition;
    this.#start = start;
  }

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Changes whenever the position is set: an answer to what was asked before is void. */
  get version(): number {
    return this.#version;
  }

  /** Of the next record to hand out; undefined while it has to be found. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** What has to be found while there is no position. */
  get start(): Start | undefined {
    return this.#start;
  }

  /** Where the next fetch begins: behind what was fetched already. */
  get fetchPosition(): Position | undefined {
    return this.#chunks.at(-1)?.end ?? this.#position;
  }

  /** Nothing behind what was fetched can be read: its owner has to seek. */
  get isBroken(): boolean {
    return this.#chunks.at(-1)?.isBroken ?? false;
  }

  get bufferedBytes(): number {
    let sum = 0;
    for (const chunk of this.#chunks) sum += chunk.sizeBytes;
    return sum;
  }

  /** Goes on from here; what was fetched is dropped. `validatedEpoch`: when it is known to be in the log under that epoch. */
  seek(position: Position, validatedEpoch = -1): void {
    this.#reset();
    this.#position = position;
    this.validatedEpoch = validatedEpoch;
  }

  /** Says which topic bears the name. One that was made anew may count leader epochs from 0 again: what was fetched and is on its way
   * from the one before is void, and the position has to be checked, as the Java client does. */
  follow(topicId: string): void {
    const isAnother = this.#topicId !== undefined && this.#topicId !== topicId;
    this.#topicId = topicId;
    if (!isAnother) return;
    if (this.#position) this.seek(this.#position);
    else if (this.#start) this.restart(this.#start);
  }

  notePoll(): void {
    this.polledTopicId = this.#topicId;
  }

  /** Goes on from where `start` turns out to be. */
  restart(start: Start): void {
    this.#reset();
    this.#start = start;
  }

  /**
   * The leader of `leaderEpoch` was asked about `asked`, which was the fetch position, and its log holds that epoch up to
   * `endOffset` (undefined: it does not know the epoch). Meanwhile records may have been handed out. False when what was handed
   * out may be gone, so that somebody has to decide; when only what was fetched ahead may be, it is fetched anew.
   */
  isSound(asked: Position, endOffset: number | undefined, leaderEpoch: number): boolean {
    if (endOffset !== undefined && endOffset >= asked.offset) {
      // Else something of the leader before has come meanwhile, and is to be asked about too.
      if (this.fetchPosition?.offset === asked.offset) this.validatedEpoch = leaderEpoch;
      return true;
    }
    const position = this.#position;
    if (!position || position.offset >= asked.offset) return false;
    this.seek(position);
    return true;
  }

  add(chunk: FetchedChunk): void {
    this.#chunks.push(chunk);
  }

  /** Appends fetched records to `target` until it holds `limit`. Throws CORRUPT_DATA. */
  take(target: ConsumerRecord[], limit: number): void {
    for (;;) {
      const chunk = this.#chunks[0];
      if (!chunk) return;
      try {
        if (chunk.take(target, limit)) return;
        this.#chunks.shift();
      } finally {
        this.#position = chunk.position;
      }
    }
  }

  #reset(): void {
    this.#version++;
    this.#chunks = [];
    this.#position = undefined;
    this.#start = undefined;
    this.askAt = Number.NEGATIVE_INFINITY;
    this.isFetching = false;
    this.isQuiet = false;
  }
}

/** A leader that the fetch position was not checked against may have cut the log back behind it (KIP-320). */
export function mayBeTruncated(assigned: AssignedPartition, metadata: MetadataCache): boolean {
  const { fetchPosition, validatedEpoch } = assigned;
  return (fetchPosition?.leaderEpoch ?? -1) >= 0 && metadata.leaderEpochOf(assigned) > validatedEpoch;
}

export class Assignment {
  #partitions = new Map<string, AssignedPartition>();
  /** Chosen by the consumer's owner, and not by a group. */
  isByHand: boolean = true;

  *[Symbol.iterator](): Iterator<AssignedPartition> {
    yield* this.#partitions.values();
  }

  get size(): number {
    return this.#partitions.size;
  }

  get({ topic, partition }: TopicPartition): AssignedPartition | undefined {
    return this.#partitions.get(`${topic}/${partition}`);
  }

  has(partition: AssignedPartition): boolean {
    return this.get(partition) === partition;
  }

  /** To be called before anything is asked about positions. */
  follow(metadata: MetadataCache): void {
    for (const assigned of this) {
      const topicId = metadata.topic(assigned.topic)?.topicId;
      if (topicId !== undefined) assigned.follow(topicId);
    }
  }

  /** To be called before `poll` tells an error or takes records: both are about the topics of this moment. */
  notePoll(): void {
    for (const assigned of this) assigned.notePoll();
  }

  list(): TopicPartition[] {
    return [...this.#partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Makes this exactly `wanted`; what stays keeps its position. */
  set(wanted: readonly TopicPartition[], start: Start): void {
    const next = new Map<string, AssignedPartition>();
    for (const each of wanted) {
      next.set(`${each.topic}/${each.partition}`, this.get(each) ?? new AssignedPartition(each, start));
    }
    this.#partitions = next;
  }
}

/** What is in `all` and not in `others`. */
export function without(all: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const excluded = new Set(others.map(({ topic, partition }) => `${topic}/${partition}`));
  return all.filter(({ topic, partition }) => !excluded.has(`${topic}/${partition}`));
}
