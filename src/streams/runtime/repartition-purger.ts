/** Removes from repartition topics what has been processed: they keep their records for ever otherwise. */
import type { TopicPartitionOffset } from "../../client/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { asError } from "../errors.ts";
import type { StreamsAdmin } from "./ports.ts";

const INTERVAL_MS = 30_000;

export class RepartitionPurger {
  readonly #admin: StreamsAdmin;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #isRepartition: (topic: string) => boolean;
  readonly #committed = new Map<string, TopicPartitionOffset>();
  #nextAt: number;
  #isPurging = false;

  constructor(admin: StreamsAdmin, clock: Clock, logger: Logger, isRepartition: (topic: string) => boolean) {
    this.#admin = admin;
    this.#clock = clock;
    this.#logger = logger;
    this.#isRepartition = isRepartition;
    this.#nextAt = clock.monotonic() + INTERVAL_MS;
  }

  /** Remembers what was committed, and now and then removes the records before it. Nothing waits for that, and when it
   * fails, the next time does it. */
  onCommitted(offsets: readonly TopicPartitionOffset[]): void {
    for (const each of offsets) {
      if (this.#isRepartition(each.topic)) this.#committed.set(`${each.topic}-${each.partition}`, each);
    }
    if (this.#isPurging || this.#committed.size === 0 || this.#clock.monotonic() < this.#nextAt) return;
    this.#nextAt = this.#clock.monotonic() + INTERVAL_MS;
    void this.#purge();
  }

  async #purge(): Promise<void> {
    const before = [...this.#committed.values()];
    this.#committed.clear();
    this.#isPurging = true;
    try {
      await this.#admin.deleteRecords(before);
    } catch (error) {
      this.#logger.log("debug", `repartition topics were not purged: ${asError(error).message}`);
    } finally {
      this.#isPurging = false;
    }
  }
}
