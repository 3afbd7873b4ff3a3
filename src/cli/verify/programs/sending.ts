/** Sending records, noted in the journal. */
import type { Producer, ProducerOptions, TopicPartition } from "../../../client/index.ts";
import { ID_HEADER } from "../history.ts";
import { asOncillaError, type ProgramContext } from "./context.ts";

export interface Content extends TopicPartition {
  readonly key?: string;
  readonly value?: string;
}

/** One life of a producer. Its records are numbered in the order in which they are given to it. */
export class Session {
  readonly name: string;
  readonly context: ProgramContext;
  #count = 0;

  /** `suffix` tells several producers of one process apart. */
  constructor(context: ProgramContext, suffix = "") {
    this.name = `${context.name}.${context.life}${suffix}`;
    this.context = context;
  }

  nextId(): string {
    return `${this.name}/${++this.#count}`;
  }

  /** Resolves with whether it was acknowledged. Throws what is no client's error. */
  async send(producer: Producer, content: Content, transaction?: string): Promise<boolean> {
    const { journal, counters } = this.context;
    const { topic, partition } = content;
    const id = this.nextId();
    const { key = id, value = this.#filling(id) } = content;
    journal.sends(id, this.name, { topic, partition }, transaction);
    counters.sent++;
    try {
      const { offset } = await producer.send({ topic, partition, key, value, headers: { [ID_HEADER]: id } });
      journal.acknowledged(id, offset);
      counters.acknowledged++;
      return true;
    } catch (error) {
      asOncillaError(error);
      journal.failed(id);
      return false;
    }
  }

  /** Of some length, that says which record it belongs to. */
  #filling(id: string): string {
    const { dice } = this.context;
    return id.padEnd(dice.int(10, dice.chance(0.05) ? 5_000 : 150), ".");
  }
}

export function producerOptions({ dice, flaw }: ProgramContext): ProducerOptions {
  return {
    lingerMs: dice.pick([0, 1, 5, 20]),
    batchSizeBytes: dice.pick([500, 2_000, 16_384]),
    maxInFlight: dice.int(1, 5),
    deliveryTimeoutMs: dice.pick([5_000, 30_000, 60_000]),
    compression: dice.pick(["none", "none", "none", "gzip", "lz4", "snappy", "zstd"]),
    ...(flaw === "no-idempotence" ? { idempotent: false } : {}),
  };
}
