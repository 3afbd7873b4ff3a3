import type { ProducerBatch } from "./batch.ts";
import { PartitionSequences, type ProducerIdentity } from "./sequences.ts";

/** For how long a leader is sure to remember a producer that it hears nothing of: `producer.id.expiration.ms`, a day, may be set
 * lower. Asking again costs one round trip. */
const REMEMBERED_MS = 60_000;

/** The batches of one partition that wait to be sent. */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** First to go first; only the last may be open for more records. */
  readonly waiting: ProducerBatch[] = [];
  readonly sequences: PartitionSequences<ProducerBatch> = new PartitionSequences();
  /** How many of its batches are on their way. */
  inFlight = 0;
  /** Of the last batch that was acknowledged: to which topic, made anew or not, and when. */
  #acknowledgedTopicId = "";
  #acknowledgedAt = Number.NEGATIVE_INFINITY;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Whether a new batch may be numbered now: several only where the leader is sure to know the producer. */
  mayNumber(identity: ProducerIdentity, topicId: string, now: number): boolean {
    const isSure = topicId === this.#acknowledgedTopicId && now - this.#acknowledgedAt <= REMEMBERED_MS;
    if (!isSure) this.sequences.forget();
    return this.sequences.mayNumber(identity);
  }

  acknowledged(batch: ProducerBatch, now: number): void {
    this.sequences.acknowledged(batch);
    this.#acknowledgedTopicId = batch.topicId;
    this.#acknowledgedAt = now;
  }

  /** Puts a batch back that is to be sent again: before those that were not sent yet, in the order of the numbers (without
   * numbers: in the order in which they come back). */
  putBack(batch: ProducerBatch): void {
    const order = this.sequences.open;
    const rank = order.indexOf(batch);
    const isBehind = (other: ProducerBatch): boolean =>
      other.attempts === 0 || (batch.isNumbered && order.indexOf(other) > rank);
    const index = this.waiting.findIndex(isBehind);
    if (index < 0) this.waiting.push(batch);
    else this.waiting.splice(index, 0, batch);
  }

  remove(batch: ProducerBatch): boolean {
    const index = this.waiting.indexOf(batch);
    if (index < 0) return false;
    this.waiting.splice(index, 1);
    return true;
  }
}
