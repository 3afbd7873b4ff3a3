/** The topology that a streams group's members run, as they describe it to the coordinator. */
import type { streamsGroupTopologyValue } from "../../../protocol/internal/streams-group-records.ts";
import type { Decoded } from "../../../protocol/schema.ts";

export type Topology = Decoded<typeof streamsGroupTopologyValue.fields>;
export type Subtopology = Topology["subtopologies"][number];
export type InternalTopic = Subtopology["stateChangelogTopics"][number];

/** Whether both describe the same. */
export function sameTopology(a: Topology, b: Topology): boolean {
  return a === b || JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

function inOrder({ epoch, subtopologies }: Topology): unknown {
  return { epoch, subtopologies: subtopologies.toSorted((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1)) };
}

/** The topics that tasks of a subtopology read. */
export function sourcesOf({ sourceTopics, repartitionSourceTopics }: Subtopology): string[] {
  return [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)];
}

/** Every topic that the program reads or keeps its state in, in the order of their names. */
export function requiredTopics({ subtopologies }: Topology): string[] {
  const names = subtopologies.flatMap((subtopology) => [
    ...sourcesOf(subtopology),
    ...subtopology.stateChangelogTopics.map(({ name }) => name),
  ]);
  return [...new Set(names)].sort();
}
