/**
 * What a topology means for the topics there are: how many partitions its internal topics need, and with them how many
 * tasks there are. A repartition topic has as many partitions as the largest topic of those that write into it read, or
 * as many as it must share with others; a changelog as many as there are tasks.
 */
import type { TopicCatalog } from "../topic-catalog.ts";
import { repartitionSizes } from "./repartition-sizes.ts";
import { type InternalTopic, type Subtopology, sourcesOf, type Topology } from "./topology.ts";

/** Codes of StreamsGroupHeartbeat's status. */
export const statusCodes = {
  staleTopology: 0,
  missingSourceTopics: 1,
  incorrectlyPartitionedTopics: 2,
  missingInternalTopics: 3,
  shutdownApplication: 4,
  assignmentDelayed: 5,
} as const;

export interface Status {
  readonly statusCode: number;
  readonly statusDetail: string;
}

/** An internal topic that is to be made. */
export interface NewTopic extends InternalTopic {
  readonly partitions: number;
}

export interface ConfiguredTopology {
  /** Tasks of each subtopology; undefined while topics are missing or do not fit together. */
  readonly taskCounts: ReadonlyMap<string, number> | undefined;
  /** Partitions of internal topics, as they are or should be. */
  readonly partitionCounts: ReadonlyMap<string, number>;
  readonly missing: readonly NewTopic[];
  readonly status: Status | undefined;
}

/** A request of a few KB may describe millions, by naming a large topic in many subtopologies. */
const MAX_TASKS = 100_000;

/** Thrown inside this file only. */
class Misfit extends Error {
  override readonly name = "Misfit";
}

export function configureTopology(topology: Topology, catalog: TopicCatalog): ConfiguredTopology {
  const nothing = { taskCounts: undefined, partitionCounts: new Map<string, number>(), missing: [] };
  const absent = topology.subtopologies
    .flatMap(({ sourceTopics }) => sourceTopics)
    .filter((name) => !catalog.topic(name));
  if (absent.length > 0) {
    const statusDetail = `Source topics ${listed(absent)} are missing.`;
    return { ...nothing, status: { statusCode: statusCodes.missingSourceTopics, statusDetail } };
  }
  try {
    return decide(topology, catalog);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const statusCode = statusCodes.incorrectlyPartitionedTopics;
    return { ...nothing, status: { statusCode, statusDetail: error.message } };
  }
}

function decide(topology: Topology, catalog: TopicCatalog): ConfiguredTopology {
  const counts = new PartitionCounts(topology, catalog);
  const taskCounts = topology.subtopologies.map((each): [string, number] => [each.subtopologyId, counts.tasksOf(each)]);
  const taskCount = taskCounts.reduce((sum, [, count]) => sum + count, 0);
  if (taskCount > MAX_TASKS) throw new Misfit(`The topology has ${taskCount} tasks: there may be ${MAX_TASKS} at most`);
  const internal = topology.subtopologies.flatMap((subtopology) => internalTopicsOf(subtopology));
  const missing = new Map<string, NewTopic>();
  for (const topic of internal) {
    const expected = counts.of(topic.name);
    const found = catalog.topic(topic.name)?.partitionCount;
    if (found === undefined) missing.set(topic.name, { ...topic, partitions: expected });
    else if (found !== expected) {
      const name = topic.name;
      throw new Misfit(
        `Existing topic ${name} has different number of partitions: expected ${expected}, found ${found}`,
      );
    }
  }
  const partitionCounts = new Map(internal.map(({ name }) => [name, counts.of(name)]));
  if (missing.size > 0) {
    const statusDetail = `Internal topics are missing: ${listed([...missing.keys()])}`;
    const status = { statusCode: statusCodes.missingInternalTopics, statusDetail };
    return { taskCounts: undefined, partitionCounts, missing: [...missing.values()], status };
  }
  return { taskCounts: new Map(taskCounts), partitionCounts, missing: [], status: undefined };
}

/** A changelog that is a source topic as well is not internal. */
function internalTopicsOf(subtopology: Subtopology): InternalTopic[] {
  const { repartitionSourceTopics, stateChangelogTopics, sourceTopics } = subtopology;
  const sources = new Set(sourceTopics);
  return [...repartitionSourceTopics, ...stateChangelogTopics.filter(({ name }) => !sources.has(name))];
}

function listed(names: readonly string[]): string {
  return [...new Set(names)].sort().join(", ");
}

class PartitionCounts {
  readonly #catalog: TopicCatalog;
  readonly #subtopologies: readonly Subtopology[];
  /** Repartition topics that were described with a number of their own. */
  readonly #fixed = new Map<string, number>();
  readonly #flexible = new Set<string>();
  readonly #decided = new Map<string, number>();

  constructor({ subtopologies }: Topology, catalog: TopicCatalog) {
    this.#catalog = catalog;
    this.#subtopologies = subtopologies;
    for (const { repartitionSourceTopics } of subtopologies) {
      for (const { name, partitions } of repartitionSourceTopics) {
        if (partitions > 0) this.#fixed.set(name, partitions);
        else this.#flexible.add(name);
      }
    }
    for (const [name, count] of this.#fixed) this.#decided.set(name, count);
    this.#followWriters();
    for (const subtopology of subtopologies) this.#copartition(subtopology);
    for (const subtopology of subtopologies) {
      const { stateChangelogTopics } = subtopology;
      const tasks = stateChangelogTopics.length > 0 ? this.tasksOf(subtopology) : 0;
      for (const { name } of stateChangelogTopics) this.#decided.set(name, tasks);
    }
  }

  /** What was decided comes first: a topic that is there and has another number does not fit. */
  of(name: string): number {
    const count = this.#decided.get(name) ?? this.#catalog.topic(name)?.partitionCount;
    if (count === undefined) throw new Misfit(`Number of partitions is not set for topic: ${name}`);
    return count;
  }

  tasksOf(subtopology: Subtopology): number {
    return this.#largest(sourcesOf(subtopology));
  }

  /** From the sources of the program on, one repartition topic after the other. */
  #followWriters(): void {
    const open = [...this.#flexible].filter((name) => !this.#decided.has(name));
    const sizes = repartitionSizes(this.#subtopologies, open, (name) => this.of(name));
    for (const [name, size] of sizes) this.#decided.set(name, size);
    const unknown = open.filter((name) => !sizes.has(name));
    if (unknown.length === 0) return;
    throw new Misfit(`Failed to compute number of partitions for repartition topics ${listed(unknown)}`);
  }

  /** Topics that are read together have the same number of partitions; flexible ones are given it. */
  #copartition({ copartitionGroups, sourceTopics, repartitionSourceTopics }: Subtopology): void {
    for (const group of copartitionGroups) {
      const external = group.sourceTopics.map((index) => sourceTopics[index] ?? "");
      const internal = group.repartitionSourceTopics.map((index) => repartitionSourceTopics[index]?.name ?? "");
      const binding = [...external, ...internal.filter((name) => this.#fixed.has(name))];
      const rest = internal.filter((name) => !this.#fixed.has(name));
      const leaders = binding.length > 0 ? binding : rest;
      if (leaders.length === 0) continue;
      const count = this.#largest(leaders);
      if (binding.some((name) => this.of(name) !== count)) {
        const all = [...binding].sort().map((name) => `${name}=${this.of(name)}`);
        throw new Misfit(`Following topics do not have the same number of partitions: [{${all.join(", ")}}]`);
      }
      for (const name of rest) this.#decided.set(name, count);
    }
  }

  #largest(names: readonly string[]): number {
    return names.reduce((most, name) => Math.max(most, this.of(name)), 0);
  }
}
