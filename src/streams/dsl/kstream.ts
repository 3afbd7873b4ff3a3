import type { Serde } from "../../client/index.ts";
import { StreamsError } from "../errors.ts";
import type { ProcessorFactory } from "../topology/node.ts";
import type { GraphBuilder } from "./graph.ts";
import { KGroupedStream } from "./kgrouped-stream.ts";
import * as operators from "./operators.ts";

/** A node's name, for its description and, where the node leads to a topic, for the topic. */
export interface Named {
  readonly name?: string;
}

/** Serdes to go on with; not needed where the stream's own still fit. */
export interface StreamSerdes<K, V> {
  readonly key?: Serde<K>;
  readonly value?: Serde<V>;
}

/** Where a stream stands in the graph, and how its records can be written. */
export interface StreamState<K, V> {
  readonly graph: GraphBuilder;
  readonly node: string;
  /** Undefined once the type has changed and nobody has said how it is written. */
  readonly key: Serde<K> | undefined;
  readonly value: Serde<V> | undefined;
  /** Whether records may no longer be in the partition of their key. */
  readonly isKeyChanged: boolean;
}

export type Branches<K, V> = Readonly<Record<string, (value: V, key: K) => boolean>>;

/** A stream of records: each stands for itself. Made by `StreamsBuilder.stream`; every operation gives a new stream. */
export class KStream<K, V> {
  readonly #state: StreamState<K, V>;

  constructor(state: StreamState<K, V>) {
    this.#state = state;
  }

  /** One record for each, key and value replaced. Grouping by key afterwards goes through a repartition topic. */
  map<K2, V2>(
    mapper: (value: V, key: K) => readonly [K2, V2],
    options: Named & StreamSerdes<K2, V2> = {},
  ): KStream<K2, V2> {
    return this.#next("map", operators.map(mapper), options, { ...none, ...options, isKeyChanged: true });
  }

  /** One record for each, value replaced. */
  mapValues<V2>(
    mapper: (value: V, key: K) => V2,
    options: Named & { readonly value?: Serde<V2> } = {},
  ): KStream<K, V2> {
    return this.#next("map-values", operators.mapValues(mapper), options, { ...this.#keys, value: options.value });
  }

  /** Any number of records for each. Grouping by key afterwards goes through a repartition topic. */
  flatMap<K2, V2>(
    mapper: (value: V, key: K) => Iterable<readonly [K2, V2]>,
    options: Named & StreamSerdes<K2, V2> = {},
  ): KStream<K2, V2> {
    return this.#next("flat-map", operators.flatMap(mapper), options, { ...none, ...options, isKeyChanged: true });
  }

  /** Any number of records for each, all with its key. */
  flatMapValues<V2>(
    mapper: (value: V, key: K) => Iterable<V2>,
    options: Named & { readonly value?: Serde<V2> } = {},
  ): KStream<K, V2> {
    return this.#next("flat-map-values", operators.flatMapValues(mapper), options, {
      ...this.#keys,
      value: options.value,
    });
  }

  /** The records for which `predicate` holds. A type guard narrows the stream's type. */
  filter<V2 extends V>(predicate: (value: V, key: K) => value is V2, options?: Named): KStream<K, V2>;
  filter(predicate: (value: V, key: K) => boolean, options?: Named): KStream<K, V>;
  filter(predicate: (value: V, key: K) => boolean, options: Named = {}): KStream<K, V> {
    return this.#next("filter", operators.filter(predicate), options, this.#state);
  }

  /** The records for which `predicate` does not hold. */
  filterNot(predicate: (value: V, key: K) => boolean, options: Named = {}): KStream<K, V> {
    const negated = (value: V, key: K): boolean => !predicate(value, key);
    return this.#next("filter-not", operators.filter(negated), options, this.#state);
  }

  /** The same records under another key. Grouping by key afterwards goes through a repartition topic. */
  selectKey<K2>(
    selector: (value: V, key: K) => K2,
    options: Named & { readonly key?: Serde<K2> } = {},
  ): KStream<K2, V> {
    const mapper = (value: V, key: K) => [selector(value, key), value] as const;
    return this.#next("select-key", operators.map(mapper), options, {
      key: options.key,
      value: this.#state.value,
      isKeyChanged: true,
    });
  }

  /** The same records, each shown to `action` on its way. It runs again when work is rolled back. */
  peek(action: (value: V, key: K) => void, options: Named = {}): KStream<K, V> {
    return this.#next("peek", operators.peek(action), options, this.#state);
  }

  /** Ends the stream in `action`. It runs again when work is rolled back: no part of exactly-once. */
  forEach(action: (value: V, key: K) => void, options: Named = {}): void {
    this.#next("for-each", operators.forEach(action), options, this.#state);
  }

  /** The records of both, in no particular order to each other. */
  merge(other: KStream<K, V>, options: Named = {}): KStream<K, V> {
    const [a, b] = [this.#state, other.#state];
    if (a.graph !== b.graph) throw invalid("only streams of the same builder can be merged");
    const node = a.graph.addProcessor<K, V>(options.name, "merge", [a.node, b.node], operators.passOn);
    return new KStream({
      graph: a.graph,
      node,
      key: a.key === b.key ? a.key : undefined,
      value: a.value === b.value ? a.value : undefined,
      isKeyChanged: a.isKeyChanged || b.isKeyChanged,
    });
  }

  /**
   * Each record goes to the first branch whose predicate holds, or else to `rest`.
   *
   * ```ts
   * const { large, rest } = orders.split({ large: (order) => order.amount > 1000 });
   * ```
   */
  split<B extends Branches<K, V>>(
    branches: B,
    options: Named = {},
  ): { readonly [N in keyof B | "rest"]: KStream<K, V> } {
    if (Object.hasOwn(branches, "rest"))
      throw invalid('a branch cannot be called "rest": that is what no branch takes');
    const { graph, node: parent } = this.#state;
    const splitName = options.name ?? graph.nextName("split");
    const targets = Object.entries(branches).map(([name, accepts]) => ({ child: `${splitName}-${name}`, accepts }));
    const rest = `${splitName}-rest`;
    const split = graph.addProcessor<K, V>(splitName, "split", [parent], operators.split(targets, rest));
    const streams = [...Object.keys(branches), "rest"].map((name) => {
      const node = graph.addProcessor<K, V>(`${splitName}-${name}`, "branch", [split], operators.passOn);
      return [name, new KStream({ ...this.#state, node })];
    });
    return Object.fromEntries(streams);
  }

  /** Sends the records through a topic `<applicationId>-<name>-repartition`, each to the partition of its key. */
  repartition(options: { readonly name: string; readonly partitions?: number } & StreamSerdes<K, V>): KStream<K, V> {
    const serdes = this.#serdes("repartition", options);
    const node = this.#state.graph.addRepartition(options.name, this.#state.node, serdes, options.partitions);
    return new KStream({ graph: this.#state.graph, node, ...serdes, isKeyChanged: false });
  }

  /**
   * Groups by the records' keys: through a repartition topic when the key may have changed since they were read.
   * `name`: the topic's, `<applicationId>-<name>-repartition`; default, the name of the aggregate's store.
   */
  groupByKey(options: Named & StreamSerdes<K, V> = {}): KGroupedStream<K, V> {
    const serdes = this.#serdes("groupByKey", options);
    return new KGroupedStream({ ...this.#state, ...serdes, repartitionName: options.name });
  }

  /** Groups by a new key, through a repartition topic; see `groupByKey`. */
  groupBy<K2>(
    selector: (value: V, key: K) => K2,
    options: Named & { readonly key: Serde<K2>; readonly value?: Serde<V> },
  ): KGroupedStream<K2, V> {
    return this.selectKey(selector, { key: options.key }).groupByKey(options);
  }

  /** Writes the records to a topic, which must exist, each to the partition of its key. A null value is a tombstone. */
  to(topic: string, options: Named & StreamSerdes<NonNullable<K>, NonNullable<V>> = {}): void {
    const { graph, node } = this.#state;
    const key = options.key ?? this.#state.key ?? this.#missing("to", "key");
    const value = options.value ?? this.#state.value ?? this.#missing("to", "value");
    graph.addSink<K & {}, V & {}>(options.name, node, topic, {
      key: key as Serde<K & {}>,
      value: value as Serde<V & {}>,
    });
  }

  get #keys(): Pick<StreamState<K, V>, "key" | "isKeyChanged"> {
    return { key: this.#state.key, isKeyChanged: this.#state.isKeyChanged };
  }

  #next<K2, V2>(
    kind: string,
    create: ProcessorFactory<K, V>,
    { name }: Named,
    { key, value, isKeyChanged }: Pick<StreamState<K2, V2>, "key" | "value" | "isKeyChanged">,
  ): KStream<K2, V2> {
    const { graph, node: parent } = this.#state;
    return new KStream({ graph, node: graph.addProcessor(name, kind, [parent], create), key, value, isKeyChanged });
  }

  #serdes(operation: string, given: StreamSerdes<K, V>): { key: Serde<K>; value: Serde<V> } {
    return {
      key: given.key ?? this.#state.key ?? this.#missing(operation, "key"),
      value: given.value ?? this.#state.value ?? this.#missing(operation, "value"),
    };
  }

  #missing(operation: string, what: "key" | "value"): never {
    throw invalid(`${operation} after ${this.#state.node}: how is the ${what} written? Give { ${what}: a serde }`);
  }
}

const none = { key: undefined, value: undefined };

function invalid(message: string): StreamsError {
  return new StreamsError("INVALID_TOPOLOGY", message);
}
