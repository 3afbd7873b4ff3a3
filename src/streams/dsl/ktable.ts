import type { Serde } from "../../client/index.ts";
import type { Change } from "../record.ts";
import type { ProcessorFactory } from "../topology/node.ts";
import type { GraphBuilder } from "./graph.ts";
import { KStream, type Named } from "./kstream.ts";
import { filterRows, mapRows, rowsToRecords } from "./operators.ts";

export interface TableState<K, V> {
  readonly graph: GraphBuilder;
  readonly node: string;
  readonly key: Serde<K>;
  /** Undefined once the type has changed and nobody has said how it is written. */
  readonly value: Serde<V> | undefined;
}

/** A table of the latest value per key, as a stream of its changes. `Gone` is null where rows can go, else never. */
export class KTable<K, V, Gone extends null = never> {
  readonly #state: TableState<K, V>;

  constructor(state: TableState<K, V>) {
    this.#state = state;
  }

  /** The rows for which `predicate` holds. A row that no longer matches goes: `toStream` gives null for it. */
  filter(predicate: (value: V, key: K) => boolean, options: Named = {}): KTable<K, V, null> {
    const node = this.#addNode("table-filter", filterRows(predicate), options);
    return new KTable({ ...this.#state, node });
  }

  /** The same rows, values replaced. */
  mapValues<V2>(
    mapper: (value: V, key: K) => V2,
    options: Named & { readonly value?: Serde<V2> } = {},
  ): KTable<K, V2, Gone> {
    const node = this.#addNode("table-map-values", mapRows(mapper), options);
    return new KTable({ ...this.#state, node, value: options.value });
  }

  /** The changes as records: key, and the new value or null. */
  toStream(options: Named = {}): KStream<K, V | Gone> {
    const node = this.#addNode("to-stream", rowsToRecords, options);
    const { graph, key, value } = this.#state;
    return new KStream<K, V | Gone>({
      graph,
      node,
      key,
      value: value as Serde<V | Gone> | undefined,
      isKeyChanged: false,
    });
  }

  #addNode(kind: string, create: ProcessorFactory<K, Change<V>>, { name }: Named): string {
    return this.#state.graph.addProcessor(name, kind, [this.#state.node], create);
  }
}
