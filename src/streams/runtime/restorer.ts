/** Brings stores up to date from their changelogs, a fetch at a time. */
import type { ConsumerRecord, TopicPartition } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import type { StoreChange, StoreEngine } from "../stores/engine.ts";
import { encodeStored } from "../stores/stored-value.ts";
import type { Changelog } from "../tasks/task-store.ts";
import type { StreamsConsumer } from "./ports.ts";

interface Restore {
  readonly changelog: Changelog;
  readonly engine: StoreEngine;
  readonly from: number;
  /** Done once the position is here. */
  readonly target: number;
  /** When the target was the end, in ms since 1970. */
  readonly startedAt: number;
  /** Up to when what the store holds from before is known to be right: what has been deleted since may lie ahead, and its tombstones
   * are not kept any longer for a restore that is interrupted. */
  readonly savedAt: number;
  /** Whether the consumer has it, at `from` or behind. */
  isAssigned: boolean;
}

export class Restorer {
  readonly #consumer: StreamsConsumer;
  readonly #clock: Clock;
  readonly #restores = new Map<string, Restore>();
  #isAssignmentStale = false;
  #restoredRecords = 0;

  /** `consumer`: without a group, reading committed records only, without a reset policy. */
  constructor(consumer: StreamsConsumer, clock: Clock) {
    this.#consumer = consumer;
    this.#clock = clock;
  }

  get isIdle(): boolean {
    return this.#restores.size === 0;
  }
  get restoredRecords(): number {
    return this.#restoredRecords;
  }

  /**
   * Replays from `from` until the position is `target`. With the end of the log (not of what is committed) for a target, this
   * waits until every transaction that was open then is decided: what it commits must not be missed.
   */
  add(changelog: Changelog, engine: StoreEngine, from: number, target: number): void {
    if (from >= target) return;
    const startedAt = this.#clock.now();
    const savedAt = engine.position()?.savedAt ?? startedAt;
    this.#restores.set(keyOf(changelog), { changelog, engine, from, target, startedAt, savedAt, isAssigned: false });
    this.#isAssignmentStale = true;
  }

  remove(changelog: TopicPartition): void {
    if (this.#restores.delete(keyOf(changelog))) this.#isAssignmentStale = true;
  }

  isRestoring(changelog: TopicPartition): boolean {
    return this.#restores.has(keyOf(changelog));
  }

  /** Applies what one poll gives. */
  async step(timeoutMs: number): Promise<void> {
    if (this.#isAssignmentStale) this.#assign();
    if (this.isIdle) return;
    const records = await this.#consumer.poll({ timeoutMs });
    const byPartition = Map.groupBy(records, keyOf);
    const done: Restore[] = [];
    for (const [key, restore] of this.#restores) {
      const position = await this.#consumer.position(restore.changelog);
      this.#apply(restore, byPartition.get(key) ?? [], position);
      if (position >= restore.target) done.push(restore);
    }
    for (const { changelog } of done) this.remove(changelog);
  }

  async close(): Promise<void> {
    await this.#consumer.close();
  }

  #apply(restore: Restore, records: readonly ConsumerRecord[], offset: number): void {
    const { engine, changelog, target, startedAt } = restore;
    if (offset === engine.position()?.offset) return;
    const savedAt = offset >= target ? startedAt : restore.savedAt;
    engine.commit(records.map(toChange), { offset, topicId: changelog.topicId, savedAt });
    this.#restoredRecords += records.length;
  }

  #assign(): void {
    this.#isAssignmentStale = false;
    const restores = [...this.#restores.values()];
    this.#consumer.assign(restores.map(({ changelog }) => changelog));
    for (const restore of restores) {
      if (!restore.isAssigned) this.#consumer.seek(restore.changelog, restore.from);
      restore.isAssigned = true;
    }
  }
}

function toChange({ key, value, timestamp }: ConsumerRecord): StoreChange {
  // Copied: a store in memory would keep the whole fetch alive.
  const bytes = new Uint8Array(defined(key, "a changelog record has a key"));
  return { key: bytes, value: value && encodeStored(value, timestamp) };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
