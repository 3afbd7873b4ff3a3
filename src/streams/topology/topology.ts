/** A checked graph of nodes, cut into subtopologies at its topics. Immutable and pure. */
import { defined } from "../../platform/assert.ts";
import { StreamsError } from "../errors.ts";
import { describeTopology } from "./describe.ts";
import type { RepartitionDefinition, SourceNode, StoreDefinition, TopologyNode } from "./node.ts";

/** Nodes that are connected without a topic in between: what one task runs. */
export interface Subtopology {
  readonly id: number;
  /** Parents before their children. */
  readonly nodes: readonly TopologyNode[];
  /** In the order of the nodes that use them first. */
  readonly stores: readonly StoreDefinition[];
  /** Topics that its sources read, internal ones without the application's id. */
  readonly sourceTopics: readonly string[];
}

export interface TopologyParts {
  /** Parents before their children. */
  readonly nodes: readonly TopologyNode[];
  readonly stores: readonly StoreDefinition[];
  readonly repartitions: readonly RepartitionDefinition[];
}

/** What an application runs. Made by `StreamsBuilder.build()`. */
export class Topology {
  readonly nodes: readonly TopologyNode[];
  readonly stores: readonly StoreDefinition[];
  readonly repartitions: readonly RepartitionDefinition[];
  readonly subtopologies: readonly Subtopology[];
  readonly #repartitionTopics: ReadonlySet<string>;

  constructor(parts: TopologyParts) {
    this.nodes = parts.nodes;
    this.stores = parts.stores;
    this.repartitions = parts.repartitions;
    this.#repartitionTopics = new Set(parts.repartitions.map(({ topic }) => topic));
    this.subtopologies = cut(parts);
    if (this.subtopologies.length === 0) {
      throw new StreamsError("INVALID_TOPOLOGY", "the topology reads no topic: begin with builder.stream(…)");
    }
  }

  isInternal(topic: string): boolean {
    return this.#repartitionTopics.has(topic);
  }

  /** The topic's name on the cluster. */
  topicName(applicationId: string, topic: string): string {
    return this.isInternal(topic) ? `${applicationId}-${topic}` : topic;
  }

  /** What it writes, its own topics aside. */
  get outputTopics(): readonly string[] {
    const topics = this.nodes.flatMap((node) => (node.kind === "sink" ? [node.topic] : []));
    return [...new Set(topics)].filter((topic) => !this.isInternal(topic));
  }

  /** What it reads, its own topics among them, in the order in which the data goes through them: what leads to a topic comes before
   * it, as far as the topics do not go round in a circle. */
  get inputTopics(): readonly string[] {
    return inOrderOfFlow(this.nodes);
  }

  /** A text that shows the graph, in the manner of Kafka Streams' description. */
  describe(): string {
    return describeTopology(this);
  }
}

/** The name of a store's changelog topic on the cluster. */
export function changelogTopic(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`;
}

function cut({ nodes, stores }: TopologyParts): Subtopology[] {
  const groups = new Groups();
  for (const node of nodes) {
    groups.add(node.name);
    if (node.kind === "source") continue;
    for (const parent of node.parents) groups.join(node.name, parent);
    if (node.kind === "processor") for (const store of node.stores) groups.join(node.name, `store ${store}`);
  }
  const byRoot = new Map<string, TopologyNode[]>();
  for (const node of nodes) {
    const root = groups.rootOf(node.name);
    const members = byRoot.get(root);
    if (members) members.push(node);
    else byRoot.set(root, [node]);
  }
  return [...byRoot.values()].map((members, id) => {
    const used = members.flatMap((node) => (node.kind === "processor" ? node.stores : []));
    return {
      id,
      nodes: members,
      stores: [...new Set(used)].map((name) => defined(stores.find((store) => store.name === name))),
      sourceTopics: members.filter(isSource).flatMap(({ topics }) => topics),
    };
  });
}

function inOrderOfFlow(nodes: readonly TopologyNode[]): string[] {
  /** Of each node: the topics from which its records come. */
  const origins = new Map<string, readonly string[]>();
  for (const node of nodes) {
    const topics = node.kind === "source" ? node.topics : node.parents.flatMap((name) => defined(origins.get(name)));
    origins.set(node.name, [...new Set(topics)]);
  }
  const seen = new Set<string>();
  const ordered: string[] = [];
  const add = (topic: string): void => {
    if (seen.has(topic)) return;
    seen.add(topic);
    const writers = nodes.filter((node) => node.kind === "sink" && node.topic === topic);
    for (const { name } of writers) for (const origin of defined(origins.get(name))) add(origin);
    ordered.push(topic);
  };
  for (const { topics } of nodes.filter(isSource)) for (const topic of topics) add(topic);
  return ordered;
}

function isSource(node: TopologyNode): node is SourceNode {
  return node.kind === "source";
}

/** Union-find over names. The root of a group is the name that was added first. */
class Groups {
  readonly #parents = new Map<string, string>();
  readonly #order = new Map<string, number>();

  add(name: string): void {
    if (this.#parents.has(name)) return;
    this.#order.set(name, this.#order.size);
    this.#parents.set(name, name);
  }

  rootOf(name: string): string {
    const parent = defined(this.#parents.get(name));
    if (parent === name) return name;
    const root = this.rootOf(parent);
    this.#parents.set(name, root);
    return root;
  }

  join(a: string, b: string): void {
    this.add(a);
    this.add(b);
    const rootA = this.rootOf(a);
    const rootB = this.rootOf(b);
    if (rootA === rootB) return;
    const aIsOlder = defined(this.#order.get(rootA)) < defined(this.#order.get(rootB));
    if (aIsOlder) this.#parents.set(rootB, rootA);
    else this.#parents.set(rootA, rootB);
  }
}
