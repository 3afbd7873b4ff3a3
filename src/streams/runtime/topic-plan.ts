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
  const counts = new Partitions(topology, partitionsOf);
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

/** How many partitions each topic that is read has, those included that are still to be made. */
class Partitions {
  readonly #counts = new Map<string, number>();

  constructor(topology: Topology, partitionsOf: PartitionCount) {
    const inputs = topology.subtopologies.flatMap(({ sourceTopics }) => sourceTopics);
    for (const topic of inputs) this.#counts.set(topic, topology.isInternal(topic) ? 0 : countOf(topic, partitionsOf));
    const unsaid: string[] = [];
    for (const { topic, partitions } of topology.repartitions) {
      if (partitions === undefined) unsaid.push(topic);
      else this.#counts.set(topic, partitions);
    }
    // Merged with what is made of it, a stream's subtopology writes a topic that it reads: they grow until all fit.
    let grown: readonly string[];
    do grown = unsaid.filter((topic) => this.#grow(topic, topology));
    while (grown.length > 0);
  }

  ofTopic(topic: string): number {
    return defined(this.#counts.get(topic));
  }

  ofSubtopology({ sourceTopics }: Subtopology): number {
    return Math.max(...sourceTopics.map((topic) => this.ofTopic(topic)));
  }

  /** Makes a repartition topic as wide as what feeds it; false when it is. */
  #grow(topic: string, { subtopologies }: Topology): boolean {
    const writers = subtopologies.filter(({ nodes }) =>
      nodes.some((node) => node.kind === "sink" && node.topic === topic),
    );
    const count = Math.max(...writers.map((writer) => this.ofSubtopology(writer)));
    const hasGrown = count > this.ofTopic(topic);
    this.#counts.set(topic, count);
    return hasGrown;
  }
}

function countOf(topic: string, partitionsOf: PartitionCount): number {
  const count = partitionsOf(topic);
  if (count > 0) return count;
  throw new StreamsError("MISSING_TOPIC", `topic ${topic}, which the topology reads, does not exist: create it first`);
}
