/**
 * Transcripts of a coordinator, to be read as stories. Lines that begin at the margin are what happens; the indented
 * ones below are what the coordinator does about it. `play` runs the former and gives back the whole text, so that a
 * test is `expect(play(story)).toBe(story)`.
 *
 *     init app [as 1/0] [v3]            InitProducerId, of nobody or of producer 1 with epoch 0
 *     add app 1/0 orders-0 …            AddPartitionsToTxn v3: the classic protocol
 *     produce app 1/0 orders-0 …        the implicit add of Produce in transactions v2
 *     verify app 1/0 orders-0 …         what a classic Produce asks for
 *     offsets app 1/0 group             AddOffsetsToTxn; the group is in partition 7
 *     commit | abort app 1/0 [v3]       EndTxn v5, or another version
 *     written [orders-0 …]              the runtime reports the last markers: all of them, or those of some partitions
 *     later 1000                        ms go by
 *     restart                           the broker dies; another replays the log
 */
import { defined } from "../../platform/assert.ts";
import { silentLogger } from "../../platform/logger.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import { defaultTransactionCoordinatorConfig, type TransactionCoordinatorConfig } from "./config.ts";
import type { TransactionFilter } from "./filter.ts";
import { listPartitions, type TopicPartition } from "./partitions.ts";
import type { Description, Listing } from "./queries.ts";
import { readRecord } from "./records.ts";
import type { Producer, TransactionMetadata } from "./state.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";
import type { MarkerRequest, TransactionStep } from "./turn.ts";

export interface WorldOptions {
  readonly config?: Partial<TransactionCoordinatorConfig>;
  readonly records?: readonly CoordinatorRecord[];
}

/** A coordinator and all that is around it: a log that is durable at once, and time. */
export class World {
  now: number = 1_700_000_000_000;
  readonly log: CoordinatorRecord[] = [];
  /** Markers that were asked for and not all reported. */
  markers: MarkerRequest[] = [];
  /** What happened since it was last looked at. */
  events: string[] = [];
  coordinator: TransactionCoordinator;
  readonly #config: TransactionCoordinatorConfig;
  /** Whether requests may take producer ids. */
  hasProducerIds = true;
  #lastProducerId = 0;

  constructor(options: WorldOptions = {}) {
    this.#config = { ...defaultTransactionCoordinatorConfig, ...options.config };
    this.log.push(...(options.records ?? []));
    this.coordinator = this.#load();
  }

  #load(): TransactionCoordinator {
    const coordinator = new TransactionCoordinator({
      coordinatorEpoch: 3,
      config: this.#config,
      producerIds: { isReady: () => this.hasProducerIds, take: () => ++this.#lastProducerId },
      offsetsPartitionOf: () => 7,
      logger: silentLogger,
    });
    for (const record of this.log) {
      this.#lastProducerId = Math.max(this.#lastProducerId, readRecord(record).metadata?.producer.producerId ?? 0);
      coordinator.apply(record);
    }
    return coordinator;
  }

  restart(): void {
    this.coordinator = this.#load();
    this.markers = [];
    this.take(this.coordinator.resumeCompletions(this.now));
  }

  /** What the runtime does with a step. */
  take(step: TransactionStep): void {
    for (const record of step.records) {
      this.log.push(record);
      this.coordinator.apply(record);
      this.events.push(describeRecord(record));
    }
    for (const reply of step.replies) reply();
    for (const markers of step.markers) {
      this.markers.push(markers);
      this.events.push(`markers: ${markers.type} ${nameOf(markers)} ${namesOf(markers.partitions)}`);
    }
  }

  init(transactionalId: string, as: Producer | undefined, apiVersion: number, answer: Answer): void {
    const request = {
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: as?.producerId ?? -1,
      producerEpoch: as?.producerEpoch ?? -1,
    };
    this.take(
      this.coordinator.initProducerId(request, apiVersion, this.now, (response) =>
        answer(errorName(response.errorCode), response.producerId === -1 ? undefined : (response as Producer)),
      ),
    );
  }

  partitions(
    how: "add" | "produce" | "verify",
    transactionalId: string,
    producer: Producer,
    partitions: readonly TopicPartition[],
    answer: Answer,
  ): void {
    const version = how === "produce" ? 2 : 0;
    const request = { transactionalId, ...producer, partitions, verifyOnly: how === "verify", version } as const;
    this.take(this.coordinator.addPartitionsToTxn(request, this.now, (errors) => answer(oneOrAll(errors))));
  }

  offsets(transactionalId: string, producer: Producer, groupId: string, answer: Answer): void {
    this.take(
      this.coordinator.addOffsetsToTxn({ transactionalId, ...producer, groupId }, 4, this.now, ({ errorCode }) =>
        answer(errorName(errorCode)),
      ),
    );
  }

  end(transactionalId: string, producer: Producer, committed: boolean, apiVersion: number, answer: Answer): void {
    this.take(
      this.coordinator.endTxn({ transactionalId, ...producer, committed }, apiVersion, this.now, (response) =>
        answer(
          errorName(response.errorCode),
          response.producerId === undefined ? undefined : (response as unknown as Producer),
        ),
      ),
    );
  }

  describe(transactionalId: string): Description {
    let told: Description | undefined;
    this.take(this.coordinator.describe(transactionalId, this.now, (description) => (told = description)));
    return defined(told);
  }

  list(filter: TransactionFilter): readonly Listing[] {
    let told: readonly Listing[] | undefined;
    this.take(this.coordinator.list(filter, this.now, (listings) => (told = listings)));
    return defined(told);
  }

  /** Reports the oldest markers: in all partitions, or in some of them. */
  written(partitions?: readonly TopicPartition[]): void {
    const markers = defined(this.markers[0], "no markers to report");
    if (!partitions) this.markers.shift();
    this.take(this.coordinator.markersWritten(markers, partitions ?? markers.partitions, this.now));
  }

  later(ms: number): void {
    this.now += ms;
    this.take(this.coordinator.tick(this.now));
  }
}

type Answer = (error: ErrorName | string, producer?: Producer) => void;

export function play(story: string, options: WorldOptions = {}): string {
  const world = new World(options);
  const lines: string[] = [];
  for (const line of story.split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (line === "" || line.startsWith("#")) continue;
    perform(world, line);
    lines.push(...world.events.map((event) => `  ${event}`));
    world.events = [];
  }
  return lines.join("\n");
}

function perform(world: World, line: string): void {
  const words = line.split(" ");
  const [verb = "", transactionalId = "", name = "", ...rest] = words;
  const version = Number(/ v(\d+)$/.exec(line)?.[1] ?? 5);
  const answer: Answer = (error, producer) =>
    void world.events.push(`answer to "${line}": ${error}${producer ? ` ${nameOf(producer)}` : ""}`);
  switch (verb) {
    case "init":
      world.init(transactionalId, name === "as" ? parseProducer(rest[0] ?? "") : undefined, version, answer);
      break;
    case "add":
    case "produce":
    case "verify":
      world.partitions(verb, transactionalId, parseProducer(name), rest.map(parsePartition), answer);
      break;
    case "offsets":
      world.offsets(transactionalId, parseProducer(name), rest[0] ?? "", answer);
      break;
    case "commit":
    case "abort":
      world.end(transactionalId, parseProducer(name), verb === "commit", version, answer);
      break;
    case "written":
      world.written(words.length > 1 ? words.slice(1).map(parsePartition) : undefined);
      break;
    case "later":
      world.later(Number(transactionalId));
      break;
    case "restart":
      world.restart();
      break;
    default:
      throw new Error(`nobody knows how to "${line}"`);
  }
}

function oneOrAll(errors: readonly ErrorName[]): string {
  return [...new Set(errors)].length === 1 ? (errors[0] ?? "") : errors.join(" ");
}

function describeRecord(record: CoordinatorRecord): string {
  const { transactionalId, metadata } = readRecord(record);
  return `record: ${transactionalId} ${metadata ? describe(metadata) : "is forgotten"}`;
}

/** A state in one line: `Ongoing 1/0 orders-0`. */
export function describe({ state, producer, previous, nextProducerId, partitions }: TransactionMetadata): string {
  const names = [...partitions].length > 0 ? ` ${namesOf(listPartitions(partitions))}` : "";
  const was = previous ? ` (was ${nameOf(previous)})` : "";
  const next = nextProducerId === undefined ? "" : ` (then ${nextProducerId}/0)`;
  return `${state} ${nameOf(producer)}${was}${next}${names}`;
}

function nameOf({ producerId, producerEpoch }: Producer): string {
  return `${producerId}/${producerEpoch}`;
}

function namesOf(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(" ");
}

export function parseProducer(text: string): Producer {
  const [producerId, producerEpoch] = text.split("/").map(Number);
  return { producerId: defined(producerId), producerEpoch: defined(producerEpoch) };
}

function parsePartition(text: string): TopicPartition {
  const dash = text.lastIndexOf("-");
  return { topic: text.slice(0, dash), partition: Number(text.slice(dash + 1)) };
}
