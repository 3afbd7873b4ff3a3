/** The job of the streams tests: counting words, and knowing what must come out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type ConsumerRecord, serdes } from "../../src/client/index.ts";
import { seededRandom } from "../../src/platform/seeded-random.ts";
import { StreamsApp, type StreamsAppOptions, StreamsBuilder, type Topology } from "../../src/streams/index.ts";
import { createTopic, readAll, type TestCluster, text, until } from "../support/cluster.ts";
import type { Life } from "../support/life.ts";

const STORE = "counts";
const WORDS = ["to", "be", "or", "not", "that", "is", "the", "question", "whether", "tis", "nobler"];

export interface WorkerOptions extends Partial<StreamsAppOptions> {
  /** Default: the word count. */
  readonly topology?: Topology;
}

export class WordCount {
  readonly cluster: TestCluster;
  readonly applicationId: string;
  readonly lines: string;
  readonly counts: string;
  readonly truth: Map<string, number> = new Map();
  readonly #partitions: number;
  readonly #folders = new Map<string, string>();
  readonly #started: { readonly app: StreamsApp; readonly life: Life | undefined }[] = [];
  readonly #random = seededRandom(1);

  private constructor(cluster: TestCluster, partitions: number) {
    this.cluster = cluster;
    this.applicationId = cluster.unique("app");
    this.lines = `${this.applicationId}-lines`;
    this.counts = `${this.applicationId}-word-counts`;
    this.#partitions = partitions;
  }

  static async create(cluster: TestCluster, partitions = 2): Promise<WordCount> {
    const job = new WordCount(cluster, partitions);
    await createTopic(cluster.client, job.lines, partitions);
    await createTopic(cluster.client, job.counts, partitions);
    return job;
  }

  get topology(): Topology {
    const builder = new StreamsBuilder();
    builder
      .stream(this.lines, { value: serdes.string })
      .flatMapValues((line) => line.split(" "))
      .groupBy((word) => word, { key: serdes.string, value: serdes.string })
      .count({ store: STORE })
      .toStream()
      .to(this.counts);
    return builder.build();
  }

  get totalWords(): number {
    return [...this.truth.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Writes so many random lines. */
  async produce(lineCount: number): Promise<void> {
    const producer = this.cluster.client.producer();
    for (let i = 0; i < lineCount; i++) {
      const words = Array.from({ length: 5 }, () => WORDS[Math.floor(this.#random.float() * WORDS.length)] as string);
      for (const word of words) this.truth.set(word, (this.truth.get(word) ?? 0) + 1);
      producer.enqueue({ topic: this.lines, partition: i % this.#partitions, value: words.join(" ") });
    }
    await producer.close();
  }

  /** Starts a worker with a state folder of its own, on a life of its own when given one. */
  async start(worker: string, options: WorkerOptions = {}, life?: Life): Promise<StreamsApp> {
    const { topology = this.topology, ...appOptions } = options;
    const app = new StreamsApp(topology, {
      applicationId: this.applicationId,
      brokers: this.cluster.brokers,
      stateDir: this.folder(worker),
      sessionTimeoutMs: this.cluster.sessionTimeoutMs,
      transactionTimeoutMs: 2_000,
      ...(life ? { platform: life.platform } : {}),
      ...appOptions,
    });
    this.#started.push({ app, life });
    await app.start();
    return app;
  }

  folder(worker: string): string {
    const folder = this.#folders.get(worker) ?? mkdtempSync(join(tmpdir(), "oncilla-streams-"));
    this.#folders.set(worker, folder);
    return folder;
  }

  /** Waits until the stores of `apps` together have counted every word, or too many. */
  async untilCounted(...apps: StreamsApp[]): Promise<void> {
    await until(
      () => {
        for (const { error } of apps) if (error) throw error;
        return this.#counted(apps) >= this.totalWords;
      },
      () => ({
        counted: this.#counted(apps),
        of: this.totalWords,
        apps: apps.map((app) => ({ state: app.state, ...app.metrics() })),
      }),
    );
  }

  /** What is visible, the changelog, the stores and the truth: all the same, and no count came twice. */
  async expectExact(...apps: StreamsApp[]): Promise<void> {
    // A commit is final before its markers stand in every partition.
    await until(() => this.hasNoOpenTransaction());
    const records = await readAll(this.cluster.client, this.counts);
    const visible = new Map<string, number>();
    for (const { key, value } of records) {
      const count = serdes.int64.deserialize(value ?? Buffer.alloc(0));
      expect(count, `counts of "${text(key)}" go up`).toBeGreaterThan(visible.get(text(key)) ?? 0);
      visible.set(text(key), count);
    }
    expect(sorted(visible)).toEqual(sorted(this.truth));
    expect(sorted(await this.changelog())).toEqual(sorted(this.truth));
    expect(sorted(new Map(apps.flatMap((app) => [...app.store<string, number>(STORE).all()])))).toEqual(
      sorted(this.truth),
    );
  }

  /** Whether everything that was sent to the application's topics is committed or aborted. */
  async hasNoOpenTransaction(): Promise<boolean> {
    const admin = this.cluster.client.admin();
    const topics = [this.counts, `${this.applicationId}-${STORE}-repartition`, this.changelogTopic];
    const query = topics.flatMap((topic) =>
      Array.from({ length: this.#partitions }, (_, partition) => ({ topic, partition, spec: "latest" as const })),
    );
    const ends = await admin.listOffsets(query, { isolationLevel: "read_uncommitted" });
    const stableEnds = await admin.listOffsets(query, { isolationLevel: "read_committed" });
    return ends.every(({ offset }, index) => stableEnds[index]?.offset === offset);
  }

  get changelogTopic(): string {
    return `${this.applicationId}-${STORE}-changelog`;
  }

  changelogRecords(): Promise<ConsumerRecord[]> {
    return readAll(this.cluster.client, this.changelogTopic);
  }

  async changelog(): Promise<Map<string, number>> {
    const records = await this.changelogRecords();
    return new Map(records.map(({ key, value }) => [text(key), serdes.int64.deserialize(value ?? Buffer.alloc(0))]));
  }

  async cleanUp(): Promise<void> {
    const living = this.#started.filter(({ life }) => !life?.isDead);
    await Promise.all(living.map(({ app }) => app.close({ timeoutMs: 1_000 })));
    for (const folder of this.#folders.values()) rmSync(folder, { recursive: true, force: true });
  }

  #counted(apps: readonly StreamsApp[]): number {
    let counted = 0;
    for (const app of apps) for (const [, count] of app.store<string, number>(STORE).all()) counted += count;
    return counted;
  }
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
