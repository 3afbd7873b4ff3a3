import type { TopicPartition } from "../../client/index.ts";
import type { ChangelogPosition, StoreEngine } from "../stores/engine.ts";
import { KeyValueStore } from "../stores/key-value-store.ts";
import type { StoreDefinition } from "../topology/node.ts";
import type { RawRecord } from "./subtopology-instance.ts";

/** A changelog partition, and which topic of that name it is of. */
export interface Changelog extends TopicPartition {
  readonly topicId: string;
}

/** Takes a changelog record; `onAcknowledged` is told its offset, or -1 when the broker did not say. */
export type ChangelogOutput = (
  changelog: TopicPartition,
  record: RawRecord,
  onAcknowledged: (offset: number) => void,
) => void;

/** One store of one task, its engine, and how far into the changelog it reaches. */
export class TaskStore {
  readonly name: string;
  readonly changelog: Changelog;
  readonly engine: StoreEngine;
  readonly store: KeyValueStore<unknown, unknown>;
  readonly #onAcknowledged: (offset: number) => void;
  /** Behind the last changelog record that is acknowledged, or already covered: never beyond what the contents cover once
   * committed. A position too low costs a longer replay, one too high would lose changes. */
  #reached = 0;
  #hasFlushed = false;

  /** `readCacheBytes`: see KeyValueStore. */
  constructor(definition: StoreDefinition, engine: StoreEngine, changelog: Changelog, readCacheBytes?: () => number) {
    this.name = definition.name;
    this.changelog = changelog;
    this.engine = engine;
    this.store = new KeyValueStore(definition.name, engine, definition.key, definition.value, readCacheBytes);
    this.#onAcknowledged = (offset) => {
      if (offset >= this.#reached) this.#reached = offset + 1;
    };
  }

  /** Sends the changes since the last flush to the changelog. */
  flush(output: ChangelogOutput): void {
    this.#reached = Math.max(this.#reached, this.engine.position()?.offset ?? 0);
    this.store.flush((key, value, timestamp) => {
      this.#hasFlushed = true;
      output(this.changelog, { key, value, timestamp, headers: [] }, this.#onAcknowledged);
    });
  }

  /** Makes the flushed changes durable. Their records must be acknowledged, and with transactions committed. */
  commit(savedAt: number): void {
    if (!this.#hasFlushed) return;
    const position: ChangelogPosition = { offset: this.#reached, topicId: this.changelog.topicId, savedAt };
    this.store.commit(position);
    this.#hasFlushed = false;
  }
}
