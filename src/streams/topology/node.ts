/** What a topology is made of. Definitions only: `tasks/` brings them to life, once per partition. */
import type { Serde } from "../../client/index.ts";
import type { StreamRecord } from "../record.ts";
import type { KeyValueStore } from "../stores/key-value-store.ts";

/** Handles one record, synchronously. */
export type Process<K, V> = (record: StreamRecord<K, V>) => void;

/** What a processor may do. */
export interface ProcessorContext {
  /** Hands a record to every child. */
  forward(record: StreamRecord<unknown, unknown>): void;
  /** Hands a record to one child. */
  forwardTo(child: string, record: StreamRecord<unknown, unknown>): void;
  /** One of the stores that the node names. */
  store<K, V>(name: string): KeyValueStore<K, V>;
}

/** Makes a node's function for one task. */
export type ProcessorFactory<K, V> = (context: ProcessorContext) => Process<K, V>;

export interface SourceNode {
  readonly kind: "source";
  readonly name: string;
  readonly topics: readonly string[];
  readonly key: Serde<unknown>;
  readonly value: Serde<unknown>;
  /** Where to begin without a committed offset. */
  readonly offsetReset: OffsetReset;
}

interface ProcessorNode {
  readonly kind: "processor";
  readonly name: string;
  readonly parents: readonly string[];
  readonly stores: readonly string[];
  readonly create: ProcessorFactory<unknown, unknown>;
}

export interface SinkNode {
  readonly kind: "sink";
  readonly name: string;
  readonly parents: readonly string[];
  readonly topic: string;
  readonly key: Serde<unknown>;
  readonly value: Serde<unknown>;
}

export type TopologyNode = SourceNode | ProcessorNode | SinkNode;

export type OffsetReset = "earliest" | "latest";

/** A key-value store with a changelog topic. */
export interface StoreDefinition {
  readonly name: string;
  readonly key: Serde<unknown>;
  readonly value: Serde<unknown>;
}

/** A topic between two subtopologies, made by the application itself. */
export interface RepartitionDefinition {
  /** Without the application's id in front. */
  readonly topic: string;
  /** When not given: as many as the largest topic that the subtopology before it reads. */
  readonly partitions: number | undefined;
}
