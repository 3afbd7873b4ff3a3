/** The graph while it is being written down, shared by a builder and its streams. */
import type { Serde } from "../../client/index.ts";
import { StreamsError } from "../errors.ts";
import type {
  OffsetReset,
  ProcessorFactory,
  RepartitionDefinition,
  StoreDefinition,
  TopologyNode,
} from "../topology/node.ts";
import { Topology } from "../topology/topology.ts";

/** What topics may be called; names of nodes and stores become parts of topics' names. */
const LEGAL_NAME = /^[A-Za-z0-9._-]{1,200}$/;

export interface NodeSerdes<K, V> {
  readonly key: Serde<K>;
  readonly value: Serde<V>;
}

export class GraphBuilder {
  readonly #nodes: TopologyNode[] = [];
  readonly #stores = new Map<string, StoreDefinition>();
  readonly #repartitions = new Map<string, RepartitionDefinition>();
  readonly #names = new Set<string>();
  readonly #readTopics = new Set<string>();

  addSource<K, V>(
    name: string | undefined,
    topics: readonly string[],
    serdes: NodeSerdes<K, V>,
    offsetReset: OffsetReset,
  ): string {
    for (const topic of topics) {
      checkName("topic", topic);
      if (this.#readTopics.has(topic)) {
        throw invalid(`topic ${topic} is read twice: keep its stream in a variable and use that twice`);
      }
      this.#readTopics.add(topic);
    }
    return this.#add({ kind: "source", name: this.#name(name, "source"), topics, offsetReset, ...erased(serdes) });
  }

  addProcessor<K, V>(
    name: string | undefined,
    kind: string,
    parents: readonly string[],
    create: ProcessorFactory<K, V>,
    stores: readonly string[] = [],
  ): string {
    // The one place where a node's types are given up: what the DSL connects fits by construction.
    const factory = create as unknown as ProcessorFactory<unknown, unknown>;
    return this.#add({ kind: "processor", name: this.#name(name, kind), parents, stores, create: factory });
  }

  addSink<K, V>(name: string | undefined, parent: string, topic: string, serdes: NodeSerdes<K, V>): string {
    checkName("topic", topic);
    return this.#add({ kind: "sink", name: this.#name(name, "sink"), parents: [parent], topic, ...erased(serdes) });
  }

  /** Writes the records to a topic of the application's own and reads them back from there. */
  addRepartition<K, V>(name: string, parent: string, serdes: NodeSerdes<K, V>, partitions: number | undefined): string {
    const topic = `${name}-repartition`;
    if (this.#repartitions.has(topic)) throw invalid(`the name ${name} is taken by another repartition topic`);
    this.#repartitions.set(topic, { topic, partitions });
    this.addSink(`${name}-repartition-sink`, parent, topic, serdes);
    return this.addSource(`${name}-repartition-source`, [topic], serdes, "earliest");
  }

  addStore<K, V>(name: string, serdes: NodeSerdes<K, V>): void {
    checkName("store", name);
    if (this.#stores.has(name)) throw invalid(`the name ${name} is taken by another store`);
    this.#stores.set(name, { name, ...erased(serdes) });
  }

  /** The name that a node of this kind gets next when it is not given one. */
  nextName(kind: string): string {
    return `${kind}-${this.#nodes.length}`;
  }

  build(): Topology {
    return new Topology({
      nodes: [...this.#nodes],
      stores: [...this.#stores.values()],
      repartitions: [...this.#repartitions.values()],
    });
  }

  #name(given: string | undefined, kind: string): string {
    const name = given ?? this.nextName(kind);
    checkName("node", name);
    if (this.#names.has(name)) throw invalid(`the name ${name} is taken by another node`);
    this.#names.add(name);
    return name;
  }

  #add(node: TopologyNode): string {
    this.#nodes.push(node);
    return node.name;
  }
}

function erased<K, V>({ key, value }: NodeSerdes<K, V>): NodeSerdes<unknown, unknown> {
  return { key: key as Serde<unknown>, value: value as Serde<unknown> };
}

function checkName(what: string, name: string): void {
  if (!LEGAL_NAME.test(name)) {
    throw invalid(`"${name}" cannot be the name of a ${what}: letters, digits, ".", "_" and "-" can`);
  }
}

function invalid(message: string): StreamsError {
  return new StreamsError("INVALID_TOPOLOGY", message);
}
