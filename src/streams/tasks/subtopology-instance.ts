/** A subtopology brought to life for one task: its nodes' functions, put together from the sinks back to the sources. */

import type { RecordHeader } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import type { StreamRecord } from "../record.ts";
import { readNullable, writeNullable } from "../serde.ts";
import type { KeyValueStore } from "../stores/key-value-store.ts";
import { childrenOf } from "../topology/describe.ts";
import type { Process, SinkNode, SourceNode, TopologyNode } from "../topology/node.ts";
import type { Subtopology } from "../topology/topology.ts";

/** A record as it lies in a topic. */
export interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

export interface Surroundings {
  store(name: string): KeyValueStore<unknown, unknown>;
  /** What takes the records of a sink; `topic` is the topology's name for it. */
  output(topic: string): (record: RawRecord) => void;
}

/** One source topic's way in: reading the bytes and handling the record are apart, since they fail for different reasons. */
export interface SourceInput {
  deserialize(raw: RawRecord): StreamRecord<unknown, unknown>;
  process(record: StreamRecord<unknown, unknown>): void;
}

type AnyProcess = Process<unknown, unknown>;

/** The way in for each source topic, by the topology's name for it. */
export function instantiate(subtopology: Subtopology, surroundings: Surroundings): Map<string, SourceInput> {
  const { nodes } = subtopology;
  const processes = new Map<string, AnyProcess>();
  const inputs = new Map<string, SourceInput>();
  // Children before their parents.
  for (const node of nodes.toReversed()) {
    const children = childrenOf(node, nodes).map((name) => [name, defined(processes.get(name))] as const);
    if (node.kind === "source") {
      const input = sourceInput(node, toAll(children.map(([, process]) => process)));
      for (const topic of node.topics) inputs.set(topic, input);
    } else {
      processes.set(node.name, processOf(node, children, surroundings));
    }
  }
  return inputs;
}

function processOf(
  node: Exclude<TopologyNode, SourceNode>,
  children: readonly (readonly [name: string, process: AnyProcess])[],
  surroundings: Surroundings,
): AnyProcess {
  if (node.kind === "sink") return sinkProcess(node, surroundings);
  const byName = new Map(children);
  return node.create({
    forward: toAll(children.map(([, process]) => process)),
    forwardTo: (child, record) => defined(byName.get(child))(record),
    store: <K, V>(name: string) => surroundings.store(name) as KeyValueStore<K, V>,
  });
}

function toAll(children: readonly AnyProcess[]): AnyProcess {
  const [only] = children;
  if (only && children.length === 1) return only;
  return (record) => {
    for (const child of children) child(record);
  };
}

function sourceInput({ key, value }: SourceNode, process: AnyProcess): SourceInput {
  return {
    deserialize(raw) {
      // Old producers leave it out, and no broker would take what is made of such a record.
      if (raw.timestamp < 0) throw new RangeError(`it has no time, but ${raw.timestamp}`);
      return {
        key: readNullable(key, raw.key),
        value: readNullable(value, raw.value),
        timestamp: raw.timestamp,
        headers: raw.headers,
      };
    },
    process,
  };
}

function sinkProcess({ topic, key, value }: SinkNode, surroundings: Surroundings): AnyProcess {
  const send = surroundings.output(topic);
  return (record) =>
    send({
      key: writeNullable(key, record.key),
      value: writeNullable(value, record.value),
      timestamp: record.timestamp,
      headers: record.headers,
    });
}
