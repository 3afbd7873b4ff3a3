/** The port to what keeps a store's contents: bytes to bytes, in key order, with the changelog position they cover. */

/** How far into its changelog partition a store's contents reach. */
export interface ChangelogPosition {
  /** Of the first changelog record that is not in the contents. */
  readonly offset: number;
  /** The changelog topic's id: a topic of the same name that was made anew holds other records under these offsets. */
  readonly topicId: string;
  /** When it was stored, in ms since 1970. */
  readonly savedAt: number;
}

/** A null value removes the key. */
export interface StoreChange {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export interface StoreEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * One store of one task. All calls are synchronous. Contents and position are one atomic unit: after a crash at any
 * moment they are those of one `commit`, the last or (at a power loss) an earlier one.
 */
export interface StoreEngine {
  /** Undefined when the contents cover nothing: they are empty. */
  position(): ChangelogPosition | undefined;
  get(key: Uint8Array): Uint8Array | null;
  /** Entries in byte order of the keys, from `from` (included) to `to` (excluded); all from the start, up to the end, where
   * a bound is missing. A commit between two steps may or may not show. */
  range(from?: Uint8Array, to?: Uint8Array): Iterable<StoreEntry>;
  /** Applies `changes` and the position that the contents then cover, all or nothing. */
  commit(changes: Iterable<StoreChange>, position: ChangelogPosition): void;
  /** Closing twice is no error. */
  close(): void;
}

/** Opens engines. */
export interface StoreEngines {
  /** Whether contents outlive the process, so that a folder to keep them in is needed. */
  readonly persistent: boolean;
  /** `folder` exists and is this task's alone; "" when not persistent. */
  open(folder: string, store: string): StoreEngine;
  /** Removes what a closed engine left, so that the next one starts empty. */
  remove(folder: string, store: string): void;
}

/** A store's contents are damaged. They must be removed, and restored from the changelog. */
export class StoreDamagedError extends Error {
  override readonly name = "StoreDamagedError";
  readonly folder: string;
  readonly store: string;

  constructor(folder: string, store: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.folder = folder;
    this.store = store;
  }
}
