/** Which topics and tasks a topology needs, given how many partitions its inputs have. Pure. */
import { defined } from "../../platform/assert.ts";
import { StreamsError } from "../errors.ts";
import type { TaskId } from "../tasks/task-id.ts";
import { changelogTopic, type Subtopology, type Topology } from "../topology/topology.ts";

export interface InternalTopic {
  /** On the cluster. */
  readonly topic: string;
  readonly kind: "repartition" | "changelog";
  readonly partitions: number;
}

/** The number of partitions of a topic on the cluster; 0 when it does not exist. */
export type PartitionCount = (topic: string) => number;

/** All internal topics, in the order in which the data goes through them. Throws MISSING_TOPIC for an input without a topic. */
export function internalTopics(
  topology: Topology,
  applicationId: string,
  partitionsOf: PartitionCount,
): InternalTopic[] {
  const counts = new RepartitionCounts(topology, partitionsOf);
  const repartitions = topology.repartitions.map(
    ({ topic }): InternalTopic => ({
      topic: topology.topicName(applicationId, topic),
      kind: "repartition",
      partitions: counts.ofTopic(topic),
    }),
  );
  const changelogs = topology.subtopologies.flatMap((subtopology) =>
    subtopology.stores.map(
      ({ name }): InternalTopic => ({
        topic: changelogTopic(applicationId, name),
        kind: "changelog",
        partitions: counts.ofSubtopology(subtopology),
      }),
    ),
  );
  return [...repartitions, ...changelogs];
}

/** One task for each partition of a subtopology's largest input. */
export function taskIds(topology: Topology, applicationId: string, partitionsOf: PartitionCount): TaskId[] {
  return topology.subtopologies.flatMap(({ id, sourceTopics }) => {
    const counts = sourceTopics.map((topic) => partitionsOf(topology.topicName(applicationId, topic)));
    return Array.from({ length: Math.max(...counts) }, (_, partition) => ({ subtopology: id, partition }));
  });
}

class RepartitionCounts {
  readonly #topology: Topology;
  readonly #partitionsOf: PartitionCount;
  readonly #known = new Map<string, number>();

  constructor(topology: Topology, partitionsOf: PartitionCount) {
    this.#topology = topology;
    this.#partitionsOf = partitionsOf;
  }

  ofSubtopology({ sourceTopics }: Subtopology): number {
    return Math.max(...sourceTopics.map((topic) => this.ofTopic(topic)));
  }

  ofTopic(topic: string): number {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const count = this.#topology.isInternal(topic) ? this.#ofRepartition(topic) : this.#ofInput(topic);
    this.#known.set(topic, count);
    return count;
  }

  #ofInput(topic: string): number {
    const count = this.#partitionsOf(topic);
    if (count === 0) {
      throw new StreamsError(
        "MISSING_TOPIC",
        `topic ${topic}, which the topology reads, does not exist: create it first`,
      );
    }
    return count;
  }

  #ofRepartition(topic: string): number {
    const { repartitions, subtopologies } = this.#topology;
    const { partitions } = defined(repartitions.find((repartition) => repartition.topic === topic));
    if (partitions !== undefined) return partitions;
    const writers = subtopologies.filter(({ nodes }) =>
      nodes.some((node) => node.kind === "sink" && node.topic === topic),
    );
    // Streams come before what is made of them: the way back to the inputs ends.
    return Math.max(...writers.map((writer) => this.ofSubtopology(writer)));
  }
}
