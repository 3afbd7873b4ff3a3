/** Runs a topology without a broker, one record at a time and synchronously: for the unit tests of topologies. */
import type { RecordHeader, Serde } from "../client/index.ts";
import { defined } from "../platform/assert.ts";
import { silentLogger } from "../platform/logger.ts";
import { StreamsError } from "./errors.ts";
import { NO_HEADERS, type StreamRecord } from "./record.ts";
import { nullableBytes, readNullable, writeNullable } from "./serde.ts";
import type { ReadonlyKeyValueStore } from "./stores/committed-view.ts";
import { memoryEngines } from "./stores/memory-engine.ts";
import type { ErrorHandlers } from "./tasks/error-handlers.ts";
import type { RawRecord } from "./tasks/subtopology-instance.ts";
import { Task } from "./tasks/task.ts";
import { TaskStore } from "./tasks/task-store.ts";
import type { Subtopology, Topology } from "./topology/topology.ts";

export interface TestDriverOptions extends ErrorHandlers {
  /** The first timestamp, in ms since 1970. Default 0. */
  readonly startTime?: number;
}

export interface TestRecord<K, V> {
  /** Default null. */
  readonly key?: K;
  readonly value: V;
  /** Default: the driver's time. */
  readonly timestamp?: number;
  readonly headers?: readonly RecordHeader[];
}

export interface TestInput<K, V> {
  /** Processes the record and everything that follows from it, and commits. */
  pipe(record: TestRecord<K, V>): void;
}

export interface TestOutput<K, V> {
  /** The next record that was not read yet. */
  read(): StreamRecord<K, V> | undefined;
  /** All that were not read yet. */
  readAll(): StreamRecord<K, V>[];
}

/**
 * ```ts
 * const driver = new TopologyTestDriver(topology);
 * driver.input("lines", { key: serdes.string, value: serdes.string }).pipe({ key: "1", value: "to be or not to be" });
 * driver.output("word-counts", { key: serdes.string, value: serdes.int64 }).readAll();
 * driver.store<string, number>("counts").get("be"); // 2
 * ```
 * Each topic has one partition, and topics go by the topology's names. A commit follows each record, so that every change of
 * a table shows. What a function of the topology throws comes out of `pipe`, unless a handler says otherwise.
 */
export class TopologyTestDriver {
  readonly #tasks: readonly Task[];
  readonly #taskOf = new Map<string, Task>();
  readonly #sinkTopics: ReadonlySet<string>;
  readonly #topics = new Map<string, RawRecord[]>();
  readonly #read = new Map<string, number>();
  #time: number;

  constructor(topology: Topology, options: TestDriverOptions = {}) {
    this.#time = options.startTime ?? 0;
    this.#tasks = topology.subtopologies.map((subtopology) => this.#createTask(subtopology, options));
    this.#sinkTopics = new Set(topology.nodes.flatMap((node) => (node.kind === "sink" ? [node.topic] : [])));
    topology.subtopologies.forEach(({ sourceTopics }, index) => {
      for (const topic of sourceTopics) this.#taskOf.set(topic, defined(this.#tasks[index]));
    });
  }

  /** A way into one of the topology's source topics. */
  input<K, V>(topic: string, serdes: { readonly key?: Serde<K>; readonly value: Serde<V> }): TestInput<K, V> {
    if (!this.#taskOf.has(topic)) throw new StreamsError("INVALID_ARGUMENT", `the topology does not read ${topic}`);
    return {
      pipe: ({ key = null, value, timestamp = this.#time, headers = NO_HEADERS }) => {
        if (key !== null && !serdes.key) throw new StreamsError("INVALID_ARGUMENT", `${topic}: a key needs a serde`);
        const keyBytes = key === null ? null : defined(serdes.key).serialize(key);
        this.#append(topic, { key: keyBytes, value: writeNullable(serdes.value, value), timestamp, headers });
        this.#runUntilIdle();
      },
    };
  }

  /** What the topology wrote to a topic; without a serde keys are bytes or null. All outputs of one topic share its read
   * position. */
  output<K, V>(topic: string, serdes: { readonly key: Serde<K>; readonly value: Serde<V> }): TestOutput<K, V>;
  output<V>(topic: string, serdes: { readonly value: Serde<V> }): TestOutput<Uint8Array | null, V>;
  output<K, V>(topic: string, serdes: { readonly key?: Serde<K>; readonly value: Serde<V> }): TestOutput<K, V> {
    if (!this.#sinkTopics.has(topic))
      throw new StreamsError("INVALID_ARGUMENT", `the topology does not write ${topic}`);
    const keySerde = serdes.key ?? (nullableBytes as unknown as Serde<K>);
    const read = (): StreamRecord<K, V> | undefined => {
      const position = this.#read.get(topic) ?? 0;
      const raw = this.#topics.get(topic)?.[position];
      if (!raw) return undefined;
      this.#read.set(topic, position + 1);
      const key = readNullable(keySerde, raw.key);
      return { key, value: readNullable(serdes.value, raw.value), timestamp: raw.timestamp, headers: raw.headers };
    };
    const readAll = (): StreamRecord<K, V>[] => {
      const records: StreamRecord<K, V>[] = [];
      for (let record = read(); record; record = read()) records.push(record);
      return records;
    };
    return { read, readAll };
  }

  /** A store's contents. The types are the caller's word for what the topology keeps in it. */
  store<K, V>(name: string): ReadonlyKeyValueStore<K, V> {
    const found = this.#tasks.flatMap(({ stores }) => stores).find((store) => store.name === name);
    if (!found) throw new StreamsError("INVALID_ARGUMENT", `the topology has no store ${name}`);
    return found.store as unknown as ReadonlyKeyValueStore<K, V>;
  }

  /** Moves the time that records get which are given none. */
  advanceTime(ms: number): void {
    this.#time += ms;
  }

  #createTask(subtopology: Subtopology, handlers: ErrorHandlers): Task {
    const id = { subtopology: subtopology.id, partition: 0 };
    const stores = subtopology.stores.map(
      (definition) =>
        new TaskStore(definition, memoryEngines.open("", definition.name), {
          topic: definition.name,
          partition: 0,
          topicId: "",
        }),
    );
    const output = {
      send: (topic: string, record: RawRecord) => this.#append(topic, record),
      sendChangelog: () => {},
    };
    const topicName = (topic: string): string => topic;
    return new Task({ id, subtopology, topicName, stores, output, handlers, logger: silentLogger });
  }

  #append(topic: string, record: RawRecord): void {
    const records = this.#topics.get(topic) ?? [];
    this.#topics.set(topic, records);
    records.push(record);
    this.#taskOf.get(topic)?.push({ ...record, topic, partition: 0, offset: records.length - 1 });
  }

  #runUntilIdle(): void {
    for (let task = this.#busyTask(); task; task = this.#busyTask()) {
      task.process(1);
      task.flush();
      task.commit(this.#time);
    }
  }

  #busyTask(): Task | undefined {
    return this.#tasks.find(({ pendingRecords }) => pendingRecords > 0);
  }
}
