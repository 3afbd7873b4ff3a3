/** What the cluster is: its topics, ids and epochs. A pure state that the metadata log's records build up. */
import type { MetadataRow } from "./records.ts";

export interface Topic {
  /** Base64url, as on the wire. */
  readonly id: string;
  readonly name: string;
  readonly partitionCount: number;
  /** Settings of its own, in canonical form. */
  readonly configs: ReadonlyMap<string, string>;
  /** No longer part of the cluster; the record stays until its files are gone. */
  readonly isDeleted: boolean;
}

/** Values never change in place: what `topics` gave stays what it was. */
export class MetadataImage {
  #clusterId = "";
  #leaderEpoch = -1;
  // Ids begin with 1: some clients (@platformatic/kafka) write 0 for none.
  #nextProducerId = 1;
  readonly #topicsByName = new Map<string, Topic>();
  /** With the deleted ones. */
  readonly #topicsById = new Map<string, Topic>();

  /** Base64url; empty on a folder that was never used. */
  get clusterId(): string {
    return this.#clusterId;
  }
  /** The epoch of every partition's leader, which is this broker: one more with each start. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }
  /** Every id below may have been given to a producer. */
  get nextProducerId(): number {
    return this.#nextProducerId;
  }

  topic(name: string): Topic | undefined {
    return this.#topicsByName.get(name);
  }

  topicById(id: string): Topic | undefined {
    const topic = this.#topicsById.get(id);
    return topic?.isDeleted ? undefined : topic;
  }

  /** In the order of their names. */
  topics(): Topic[] {
    return [...this.#topicsByName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Topics whose files have to go. */
  deletedTopics(): Topic[] {
    return [...this.#topicsById.values()].filter((topic) => topic.isDeleted);
  }

  apply(row: MetadataRow): void {
    switch (row.kind) {
      case "cluster":
        this.#clusterId = row.clusterId;
        return;
      case "epoch":
        this.#leaderEpoch = row.leaderEpoch;
        return;
      case "producer-ids":
        this.#nextProducerId = row.nextProducerId;
        return;
      case "topic":
        this.#putTopic(row.topic);
        return;
      case "topic-gone":
        this.#topicsById.delete(row.topicId);
    }
  }

  #putTopic(topic: Topic): void {
    this.#topicsById.set(topic.id, topic);
    if (!topic.isDeleted) this.#topicsByName.set(topic.name, topic);
    else if (this.#topicsByName.get(topic.name)?.id === topic.id) this.#topicsByName.delete(topic.name);
  }
}
