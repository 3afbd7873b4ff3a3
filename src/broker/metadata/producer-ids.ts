/** Hands out producer ids that nobody had before, also not before a restart. */
import { assert } from "../../platform/assert.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { producerIdsRecord } from "./records.ts";

/** Ids are reserved in the metadata log in blocks, ahead of need: those of a block that a crash leaves over are lost. */
const BLOCK_SIZE = 5000;
/** Below this many, the next block is reserved. */
const LOW_LEVEL = 2500;
/** Kept back for what cannot be refused: a producer whose epochs are used up while its transaction ends. */
const HELD_BACK = 500;

export class ProducerIdAllocator {
  readonly #metadata: MetadataLog;
  /** next <= id < end are free and durably ours. */
  #next = 0;
  #end = 0;
  #isReserving = false;

  private constructor(metadata: MetadataLog) {
    this.#metadata = metadata;
  }

  static async create(metadata: MetadataLog): Promise<ProducerIdAllocator> {
    const allocator = new ProducerIdAllocator(metadata);
    await allocator.#reserve();
    return allocator;
  }

  /** Whether a request may take an id. When not, one can be had in a moment, or when the disk has room again. */
  isReady(): boolean {
    this.#refill();
    return this.#end - this.#next > HELD_BACK;
  }

  take(): number {
    assert(this.#next < this.#end, "requests leave the ids that are held back");
    const id = this.#next++;
    this.#refill();
    return id;
  }

  #refill(): void {
    if (this.#end - this.#next >= LOW_LEVEL || this.#isReserving) return;
    // The metadata log has said why it could not be written; the next request tries again.
    this.#reserve().catch(() => {});
  }

  async #reserve(): Promise<void> {
    this.#isReserving = true;
    try {
      const start = await this.#metadata.change((image) => ({
        records: [producerIdsRecord(image.nextProducerId + BLOCK_SIZE)],
        result: image.nextProducerId,
      }));
      // Ids that are left over stay in use when the new block follows on them; otherwise they are dropped.
      if (this.#end !== start) this.#next = start;
      this.#end = start + BLOCK_SIZE;
    } finally {
      this.#isReserving = false;
    }
  }
}
