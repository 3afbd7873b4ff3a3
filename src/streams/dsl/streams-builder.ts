import type { Serde } from "../../client/index.ts";
import { nullableBytes } from "../serde.ts";
import type { OffsetReset } from "../topology/node.ts";
import type { Topology } from "../topology/topology.ts";
import { GraphBuilder } from "./graph.ts";
import { KStream } from "./kstream.ts";

interface SourceOptions {
  /** The node's name; default "source-N". */
  readonly name?: string;
  /** Where to begin while the application has no committed offset. Default "earliest". */
  readonly offsetReset?: OffsetReset;
}

/** How a topic's values are read; keys stay bytes. */
export interface ValueSource<V> extends SourceOptions {
  readonly value: Serde<V>;
}

/** How a topic's keys and values are read. */
export interface KeyValueSource<K, V> extends ValueSource<V> {
  readonly key: Serde<K>;
}

/**
 * Where a topology begins.
 *
 * ```ts
 * const builder = new StreamsBuilder();
 * builder
 *   .stream("lines", { value: serdes.string })
 *   .flatMapValues((line) => line.split(" "))
 *   .groupBy((word) => word, { key: serdes.string })
 *   .count({ store: "counts" })
 *   .toStream()
 *   .to("word-counts");
 * const topology = builder.build();
 * ```
 *
 * The functions of a topology take the value first and the key second, as `Map.forEach` gives them; those that aggregate take
 * the aggregate before both, as `Array.reduce` gives it. They are synchronous, and do not change what they are given. Errors in the topology throw a StreamsError with code INVALID_TOPOLOGY at once.
 */
export class StreamsBuilder {
  readonly #graph: GraphBuilder = new GraphBuilder();

  /** The records of a topic, or of several alike. A topic can be read once in a topology. */
  stream<K, V>(topics: string | readonly string[], options: KeyValueSource<K, V>): KStream<K, V>;
  stream<V>(topics: string | readonly string[], options: ValueSource<V>): KStream<Uint8Array | null, V>;
  stream(topics: string | readonly string[], options?: SourceOptions): KStream<Uint8Array | null, Uint8Array | null>;
  stream<K, V>(
    topics: string | readonly string[],
    options: SourceOptions & { readonly key?: Serde<K>; readonly value?: Serde<V> } = {},
  ): KStream<K | Uint8Array | null, V | Uint8Array | null> {
    const key: Serde<K> | Serde<Uint8Array | null> = options.key ?? nullableBytes;
    const value: Serde<V> | Serde<Uint8Array | null> = options.value ?? nullableBytes;
    const names = typeof topics === "string" ? [topics] : topics;
    const serdes = { key: key as Serde<K | Uint8Array | null>, value: value as Serde<V | Uint8Array | null> };
    const node = this.#graph.addSource(options.name, names, serdes, options.offsetReset ?? "earliest");
    return new KStream({ graph: this.#graph, node, ...serdes, isKeyChanged: false });
  }

  /** The topology as written so far. */
  build(): Topology {
    return this.#graph.build();
  }
}
