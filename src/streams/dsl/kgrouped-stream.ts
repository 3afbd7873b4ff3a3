import { type Serde, serdes } from "../../client/index.ts";
import type { GraphBuilder } from "./graph.ts";
import { KTable } from "./ktable.ts";
import { aggregate } from "./operators.ts";

/** How an aggregate is kept. */
export interface Materialized<V> {
  /** The store's name; the changelog topic is `<applicationId>-<store>-changelog`. Default: the node's name, which changes
   * with the nodes before it, and with it the topics: name stores that are to live long. */
  readonly store?: string;
  /** How the aggregates are written. */
  readonly value?: Serde<V>;
}

export interface GroupedState<K, V> {
  readonly graph: GraphBuilder;
  readonly node: string;
  readonly key: Serde<K>;
  readonly value: Serde<V>;
  readonly isKeyChanged: boolean;
  readonly repartitionName: string | undefined;
}

/**
 * A stream grouped by key, to be aggregated into a table. The table's changes go on at each commit, once per key: what lies
 * between two commits shows as one change.
 */
export class KGroupedStream<K, V> {
  readonly #state: GroupedState<K, V>;
  /** The repartition topic's source, once an aggregate needed it; a second aggregate with the same name shares it. */
  #repartitioned: string | undefined;

  constructor(state: GroupedState<K, V>) {
    this.#state = state;
  }

  /** The number of records of each key, written as int64 unless said otherwise. */
  count(options: Materialized<number> = {}): KTable<K, number> {
    return this.#aggregate<number>(
      "count",
      { value: serdes.int64, ...options },
      (_value, _key, count = 0) => count + 1,
    );
  }

  /** Combines each key's values, two at a time, into one of the same type. The first one stands as it is. */
  reduce(reducer: (aggregate: V, value: V) => V, options: Materialized<V> = {}): KTable<K, V> {
    return this.#aggregate<V>("reduce", { value: this.#state.value, ...options }, (value, _key, before) =>
      before === undefined ? value : reducer(before, value),
    );
  }

  /** Folds each key's values into an aggregate that begins as `initializer()`. `aggregator` gives the new one. */
  aggregate<A>(
    initializer: () => A,
    aggregator: (aggregate: A, value: V, key: K) => A,
    options: Materialized<A> & { readonly value: Serde<A> },
  ): KTable<K, A> {
    return this.#aggregate<A>("aggregate", options, (value, key, before) =>
      aggregator(before === undefined ? initializer() : before, value, key),
    );
  }

  #aggregate<A>(
    kind: string,
    options: { readonly store?: string; readonly value: Serde<A> },
    fold: (value: V, key: K, aggregate: A | undefined) => A,
  ): KTable<K, A> {
    const { graph, key } = this.#state;
    const store = options.store ?? graph.nextName(kind);
    const parent = this.#source(store);
    graph.addStore(store, { key, value: options.value });
    const node = graph.addProcessor<K, V>(store, kind, [parent], aggregate(store, fold), [store]);
    return new KTable({ graph, node, key, value: options.value });
  }

  #source(store: string): string {
    const { graph, node, isKeyChanged, repartitionName, key, value } = this.#state;
    if (!isKeyChanged) return node;
    if (repartitionName === undefined) return graph.addRepartition(store, node, { key, value }, undefined);
    this.#repartitioned ??= graph.addRepartition(repartitionName, node, { key, value }, undefined);
    return this.#repartitioned;
  }
}
