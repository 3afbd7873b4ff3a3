/** What workloads are made with: load generators, topics, and a look at what a broker uses. */
import type { JavaLoad } from "./java-load.ts";
import type { PageCache } from "./page-cache.ts";
import { cpuSeconds, peakMemoryMib, resetPeakMemory } from "./process-usage.ts";
import type { RdkafkaLoad } from "./rdkafka-load.ts";
import type { Durability, Side, SideName } from "./sides.ts";
import { cpuPerGib, peakMemory, type Sample } from "./workload.ts";

const GIB = 2 ** 30;

type ToolsOptions = Pick<Tools, "java" | "rdkafka" | "pageCache" | "scale" | "root" | "startSide">;

export class Tools {
  readonly java: JavaLoad;
  /** Or why there is none. */
  readonly rdkafka: RdkafkaLoad | string;
  readonly pageCache: PageCache;
  /** Of the amounts that workloads name. */
  readonly scale: number;
  /** For files; it goes with the benchmark. */
  readonly root: string;
  /** One more broker. */
  readonly startSide: (name: SideName, durability: Durability) => Promise<Side>;
  #topics = 0;

  constructor(options: ToolsOptions) {
    this.java = options.java;
    this.rdkafka = options.rdkafka;
    this.pageCache = options.pageCache;
    this.scale = options.scale;
    this.root = options.root;
    this.startSide = options.startSide;
  }

  scaled(amount: number): number {
    return Math.max(1, Math.round(amount * this.scale));
  }

  async createTopic(side: Side, partitions: number): Promise<string> {
    const topic = `bench-${process.pid}-${++this.#topics}`;
    await this.java.ask("create-topic", { bootstrap: side.bootstrap, topic, partitions });
    return topic;
  }

  async deleteTopic(side: Side, topic: string): Promise<void> {
    await this.java.ask("delete-topic", { bootstrap: side.bootstrap, topic });
  }

  /** Does the measured part of a run, and adds to what it found what the broker used for it. */
  async observe(side: Side, bytes: number, work: () => Promise<Sample>): Promise<Sample> {
    resetPeakMemory(side.pid);
    const before = cpuSeconds(side.pid);
    const sample = await work();
    const after = cpuSeconds(side.pid);
    const used = before === undefined || after === undefined ? undefined : (after - before) / (bytes / GIB);
    return { ...sample, [cpuPerGib.name]: used, [peakMemory.name]: peakMemoryMib(side.pid) };
  }
}
