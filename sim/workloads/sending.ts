/** Sending records that the history knows. */

import { type History, ID_HEADER, type SentRecord, type TransactionEntry } from "../../src/cli/verify/history.ts";
import type { Producer, TopicPartition } from "../../src/client/index.ts";
import type { Process } from "../world/machine.ts";
import { asOncillaError } from "./workload.ts";

export interface Content extends TopicPartition {
  readonly key?: string;
  readonly value?: string;
}

/** One life of a producer. Its records are numbered in the order in which they are given to it. */
export class Session {
  readonly name: string;
  readonly history: History;
  readonly #process: Process;
  #count = 0;

  /** `suffix` tells several producers of one process apart. */
  constructor(process: Process, history: History, suffix = "") {
    this.name = `${process.host}.${process.life.number}${suffix}`;
    this.history = history;
    this.#process = process;
  }

  nextId(): string {
    return `${this.name}/${++this.#count}`;
  }

  begin(): TransactionEntry {
    return this.history.begins(this.nextId(), this.name);
  }

  /** Resolves with whether it was acknowledged. Throws what is no client's error. */
  async send(producer: Producer, content: Content, transaction?: TransactionEntry): Promise<boolean> {
    const { topic, partition } = content;
    const id = this.nextId();
    const { key = id, value = this.#filler(id) } = content;
    const sent = this.history.sends(id, this.name, { topic, partition }, transaction);
    try {
      const { offset } = await producer.send({ topic, partition, key, value, headers: { [ID_HEADER]: id } });
      acknowledge(sent, offset);
      this.#process.logger.log("debug", `${topic}-${partition} took ${id}`, { offset });
      return true;
    } catch (error) {
      asOncillaError(error);
      sent.outcome = "failed";
      return false;
    }
  }

  /** Of some length, that says which record it belongs to. */
  #filler(id: string): string {
    const { dice } = this.#process;
    return id.padEnd(dice.int(10, dice.chance(0.05) ? 3_000 : 120), ".");
  }
}

function acknowledge(sent: SentRecord, offset: number): void {
  sent.outcome = "acknowledged";
  sent.offset = offset;
}
