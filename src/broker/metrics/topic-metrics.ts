/** What is written to and read from topics: Kafka's BrokerTopicMetrics. */
import type { Metric, Sample } from "../../platform/metrics.ts";

/** Plain numbers: they are counted on every batch. */
export class TopicCounts {
  messagesIn = 0;
  bytesIn = 0;
  bytesOut = 0;
  failedProduceRequests = 0;
  failedFetchRequests = 0;
}

const metrics: readonly (readonly [count: keyof TopicCounts, name: string, help: string])[] = [
  ["messagesIn", "messagesin", "Records that producers wrote."],
  ["bytesIn", "bytesin", "Bytes of batches that producers wrote."],
  ["bytesOut", "bytesout", "Bytes of batches that consumers read."],
  ["failedProduceRequests", "failedproducerequests", "Batches that were refused."],
  ["failedFetchRequests", "failedfetchrequests", "Reads of a partition that were refused."],
];

export class TopicMetrics {
  /** Of all topics, those that are gone too. */
  readonly #all = new TopicCounts();
  readonly #byTopic = new Map<string, TopicCounts>();

  produced(topic: string, messages: number, bytes: number): void {
    for (const counts of this.#both(topic)) {
      counts.messagesIn += messages;
      counts.bytesIn += bytes;
    }
  }

  fetched(topic: string, bytes: number): void {
    for (const counts of this.#both(topic)) counts.bytesOut += bytes;
  }

  /** A topic that does not exist is not counted by its name: names would be without number. */
  produceFailed(topic: string | undefined): void {
    for (const counts of this.#both(topic)) counts.failedProduceRequests++;
  }

  fetchFailed(topic: string | undefined): void {
    for (const counts of this.#both(topic)) counts.failedFetchRequests++;
  }

  /** Without a label for all topics together, as Kafka has them. Topics for which `exists` does not hold are forgotten. */
  collect(exists: (topic: string) => boolean): Metric[] {
    for (const topic of this.#byTopic.keys()) if (!exists(topic)) this.#byTopic.delete(topic);
    return metrics.map(([count, name, help]) => ({
      name: `kafka_server_brokertopicmetrics_${name}_total`,
      help,
      type: "counter",
      values: [
        { labels: {}, value: this.#all[count] },
        ...[...this.#byTopic].map(([topic, counts]): Sample => ({ labels: { topic }, value: counts[count] })),
      ],
    }));
  }

  #both(topic: string | undefined): readonly TopicCounts[] {
    if (topic === undefined) return [this.#all];
    let counts = this.#byTopic.get(topic);
    if (!counts) {
      counts = new TopicCounts();
      this.#byTopic.set(topic, counts);
    }
    return [this.#all, counts];
  }
}
