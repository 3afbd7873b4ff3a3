/**
 * Sends batches to the partitions' leaders and acts on the answers. Everything happens in `#pump`, which runs whenever
 * something may have become possible: a batch filled up or lingered long enough, an answer came, a broker was reached.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { produce } from "../../protocol/apis/produce.ts";
import { type ErrorName, meansStaleMetadata } from "../../protocol/errors.ts";
import { type CompressionName, compressionCodes } from "../../protocol/records/compression.ts";
import { OncillaError, wireError } from "../errors.ts";
import { Alarm } from "../network/alarm.ts";
import { backoffMs } from "../network/backoff.ts";
import type { Cluster } from "../network/cluster.ts";
import type { BrokerConnection } from "../network/connection.ts";
import type { Lane } from "../network/lane.ts";
import { timedOut } from "../network/retry.ts";
import type { Accumulator } from "./accumulator.ts";
import type { ProducerBatch } from "./batch.ts";
import type { DeliveryGuard } from "./delivery-guard.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import { type BatchAnswer, fromResponse, maxVersionFor, topicIdOf, toRequest } from "./produce-exchange.ts";
import type { ProducerIdentity } from "./sequences.ts";
import { judge, leavesInDoubt, type Verdict } from "./verdict.ts";

export interface SenderOptions {
  readonly acks: "all" | 1 | 0;
  readonly lingerMs: number;
  readonly maxInFlight: number;
  readonly deliveryTimeoutMs: number;
  readonly maxRequestBytes: number;
  readonly compression: CompressionName;
}

/** One broker, as the sender sees it. */
interface NodeState {
  inFlight: number;
  isConnecting: boolean;
  /** Failures in a row, to connect or to get an answer. */
  failures: number;
  /** Not to be tried before. */
  tryAt: number;
}

/** What could be sent to one broker. */
interface LeaderWork {
  readonly queues: PartitionQueue[];
  readyAt: number;
}

/** After CONCURRENT_TRANSACTIONS: the end of the transaction before is being written, which takes a few ms. */
const CONCURRENT_TRANSACTIONS_RETRY_MS = 10;

const noAnswer: Omit<BatchAnswer, "error" | "message"> = {
  baseOffset: -1,
  logAppendTimeMs: -1,
  recordErrors: [],
  leaderId: -1,
  leaderEpoch: -1,
};

/** With acks 0, when the operating system has a request: nothing more will be heard of it. */
const taken: BatchAnswer = { ...noAnswer, error: "NONE", message: null };

export class Sender {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lane: Lane;
  readonly #accumulator: Accumulator;
  readonly #guard: DeliveryGuard | undefined;
  readonly #options: SenderOptions;
  readonly #nodes = new Map<number, NodeState>();
  readonly #alarm: Alarm;
  readonly #stopListening: () => void;
  /** Partitions where a batch was refused or given up: their numbers may have to start again. */
  readonly #unsettled = new Set<PartitionQueue>();
  #isPumpScheduled = false;
  #isStopped = false;

  constructor(
    cluster: Cluster,
    lane: Lane,
    accumulator: Accumulator,
    guard: DeliveryGuard | undefined,
    options: SenderOptions,
  ) {
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#logger = cluster.options.logger;
    this.#lane = lane;
    this.#accumulator = accumulator;
    this.#guard = guard;
    this.#options = options;
    this.#alarm = new Alarm(this.#clock, () => this.#pump());
    this.#stopListening = cluster.onMetadata(() => this.wake());
  }

  /** A batch is new or full. */
  noteBatch(batch: ProducerBatch): void {
    if (batch.isClosed || this.#options.lingerMs === 0) this.wake();
    else this.#alarm.setBy(batch.createdAt + this.#options.lingerMs);
  }

  /** Looks for something to send once the input of this turn is handled. */
  wake(): void {
    if (this.#isPumpScheduled || this.#isStopped) return;
    this.#isPumpScheduled = true;
    this.#clock.setImmediate(() => {
      this.#isPumpScheduled = false;
      this.#pump();
    });
  }

  /** Fails the batches that were never sent. */
  dropUnsent(error: OncillaError): void {
    for (const batch of [...this.#accumulator.incomplete]) {
      if (batch.attempts > 0 || batch.isInFlight) continue;
      this.#accumulator.withdraw(batch);
      this.#accumulator.fail(batch, error);
    }
  }

  /** Sends no more, and fails all that is left. */
  stop(error: OncillaError): void {
    this.#isStopped = true;
    this.#alarm.cancel();
    this.#stopListening();
    for (const batch of [...this.#accumulator.incomplete]) {
      this.#accumulator.withdraw(batch);
      this.#accumulator.fail(batch, error);
    }
  }

  #pump(): void {
    if (this.#isStopped) return;
    const now = this.#clock.monotonic();
    this.#expire(now);
    this.#restartSequences();
    if (this.#accumulator.queues.size === 0) return;
    // Nothing else tells of partitions that were added.
    this.#cluster.refreshWhenOld();
    const identity = this.#guard?.identity();
    if (this.#guard && !identity) return;
    // Each round takes one batch of a partition at most, as a request may not hold more.
    while (this.#sendRound(now, identity));
  }

  /** One request to each broker that has something ready. False when there was nothing to send. */
  #sendRound(now: number, identity: ProducerIdentity | undefined): boolean {
    const byLeader = this.#sendableByLeader(now, identity);
    let isSent = false;
    for (const [nodeId, { queues, readyAt }] of byLeader) {
      if (readyAt > now) {
        this.#alarm.setBy(readyAt);
        continue;
      }
      const connection = this.#reach(nodeId, now);
      if (!connection) continue;
      this.#send(nodeId, connection, this.#drain(queues, identity));
      isSent = true;
    }
    return isSent;
  }

  /** The partitions from which something may be sent, by their leaders, and when the first of them is ready. Once one is, the
   * others' batches go along, however short they have lingered. */
  #sendableByLeader(now: number, identity: ProducerIdentity | undefined): Map<number, LeaderWork> {
    const byLeader = new Map<number, LeaderWork>();
    const leaderless = new Set<string>();
    for (const queue of this.#accumulator.queues) {
      const batch = queue.waiting[0];
      if (!batch || !this.#maySend(queue, batch, identity, now)) continue;
      if (batch.sendAt > now) {
        this.#alarm.setBy(batch.sendAt);
        continue;
      }
      const leader = this.#cluster.metadata.leaderOf(queue.topic, queue.partition);
      if (leader === undefined) {
        leaderless.add(queue.topic);
        continue;
      }
      const work = byLeader.get(leader) ?? { queues: [], readyAt: Number.POSITIVE_INFINITY };
      work.queues.push(queue);
      work.readyAt = Math.min(work.readyAt, this.#readyAt(batch));
      byLeader.set(leader, work);
    }
    if (leaderless.size > 0) this.#cluster.requestRefresh(leaderless);
    return byLeader;
  }

  #readyAt(batch: ProducerBatch): number {
    const isReady = batch.isClosed || batch.attempts > 0 || this.#accumulator.isUrgent;
    return isReady ? Number.NEGATIVE_INFINITY : batch.createdAt + this.#options.lingerMs;
  }

  #maySend(queue: PartitionQueue, batch: ProducerBatch, identity: ProducerIdentity | undefined, now: number): boolean {
    // Where nothing else keeps the order, a new leader gets nothing while the one before has not answered.
    if (!this.#guard || !identity) return this.#options.maxInFlight > 1 || queue.inFlight === 0;
    const { sequences } = queue;
    if (!batch.isNumbered) {
      const topicId = topicIdOf(queue, this.#cluster.metadata);
      return queue.mayNumber(identity, topicId, now) && this.#guard.mayProduce(queue);
    }
    // What was numbered may be in the log, or still get there: in order, one at a time, until all is known.
    return sequences.isFirst(batch) && (this.#guard.isTransactional || !sequences.needsRestart);
  }

  /** The open connection to a broker that can take another request. */
  #reach(nodeId: number, now: number): BrokerConnection | undefined {
    const node = this.#node(nodeId);
    if (node.inFlight >= this.#options.maxInFlight || node.isConnecting) return undefined;
    if (node.tryAt > now) {
      this.#alarm.setBy(node.tryAt);
      return undefined;
    }
    const connection = this.#lane.connected(nodeId);
    if (!connection) this.#connect(nodeId, node);
    return connection;
  }

  #connect(nodeId: number, node: NodeState): void {
    node.isConnecting = true;
    this.#lane.connect(nodeId).then(
      () => {
        node.isConnecting = false;
        this.wake();
      },
      (error: unknown) => {
        node.isConnecting = false;
        if (!(error instanceof OncillaError)) throw error;
        if (this.#isStopped) return;
        this.#logger.log("warn", "a broker cannot be reached to produce", { nodeId, error: error.message });
        this.#nodeFailed(node);
        this.#cluster.requestRefresh();
        this.wake();
      },
    );
  }

  #nodeFailed(node: NodeState): void {
    const now = this.#clock.monotonic();
    // Requests that were lost together count as one failure.
    if (node.tryAt > now) return;
    node.failures++;
    node.tryAt = now + this.#backoff(node.failures);
  }

  #backoff(failures: number): number {
    return backoffMs(this.#cluster.platform.random, this.#cluster.options.backoff, failures);
  }

  #node(nodeId: number): NodeState {
    let node = this.#nodes.get(nodeId);
    if (!node) {
      node = { inFlight: 0, isConnecting: false, failures: 0, tryAt: Number.NEGATIVE_INFINITY };
      this.#nodes.set(nodeId, node);
    }
    return node;
  }

  /** The first batches of the partitions, numbered, as many as a request may hold. */
  #drain(queues: readonly PartitionQueue[], identity: ProducerIdentity | undefined): ProducerBatch[] {
    const batches: ProducerBatch[] = [];
    let sizeBytes = 0;
    for (const queue of queues) {
      const next = queue.waiting[0];
      if (!next || (batches.length > 0 && sizeBytes + next.sizeBytes > this.#options.maxRequestBytes)) continue;
      const batch = this.#accumulator.take(queue) ?? next;
      if (identity && !batch.isNumbered) queue.sequences.number(batch, identity);
      sizeBytes += batch.sizeBytes;
      batches.push(batch);
    }
    return batches;
  }

  #send(nodeId: number, connection: BrokerConnection, batches: readonly ProducerBatch[]): void {
    const { acks } = this.#options;
    const { metadata, options } = this.#cluster;
    const settings = {
      acks,
      timeoutMs: options.requestTimeoutMs,
      transactionalId: this.#guard?.transactionalId ?? null,
    };
    const request = toRequest(batches, metadata, settings, (batch) => this.#encode(batch));
    const limit = Math.min(this.#guard?.maxProduceVersion ?? produce.versions[1], maxVersionFor(batches, metadata));
    for (const batch of batches) {
      batch.attempts++;
      batch.topicId = topicIdOf(batch.queue, metadata);
    }
    const version = this.#versionOrRefuse(connection, limit, batches);
    if (version === undefined) return;
    const node = this.#node(nodeId);
    this.#setInFlight(node, batches, 1);
    const answers =
      acks === 0
        ? connection.sendOneWay(produce, version, request).then(() => batches.map(() => taken))
        : connection.send(produce, version, request).then((response) => fromResponse(response, request, batches));
    answers.then(
      (answered) => {
        node.failures = 0;
        this.#setInFlight(node, batches, -1);
        this.#answered(batches, answered);
      },
      (error: unknown) => {
        if (!(error instanceof OncillaError)) throw error;
        this.#nodeFailed(node);
        this.#cluster.requestRefresh();
        this.#setInFlight(node, batches, -1);
        this.#answered(batches, []);
      },
    );
  }

  /** A broker that does not speak what is needed refuses, in effect. */
  #versionOrRefuse(connection: BrokerConnection, limit: number, batches: readonly ProducerBatch[]): number | undefined {
    try {
      return connection.versionOf(produce, limit);
    } catch (error) {
      if (!(error instanceof OncillaError)) throw error;
      const answer = { ...noAnswer, error: "UNSUPPORTED_VERSION", message: error.message } as const;
      for (const batch of batches) this.#settle(batch, answer);
      return undefined;
    }
  }

  #setInFlight(node: NodeState, batches: readonly ProducerBatch[], change: 1 | -1): void {
    node.inFlight += change;
    for (const batch of batches) {
      batch.isInFlight = change > 0;
      batch.queue.inFlight += change;
    }
  }

  #encode(batch: ProducerBatch): Buffer {
    const compression = compressionCodes[this.#options.compression];
    const { identity } = batch;
    if (!identity) return batch.encode({ compression });
    const isTransactional = this.#guard?.isTransactional ?? false;
    return batch.encode({ compression, ...identity, baseSequence: batch.baseSequence, isTransactional });
  }

  #answered(batches: readonly ProducerBatch[], answers: readonly (BatchAnswer | undefined)[]): void {
    if (this.#isStopped) return;
    for (const [i, batch] of batches.entries()) this.#settle(batch, answers[i]);
    // Not later: what is ready now should not wait for the next turn.
    this.#pump();
  }

  /** `answer` undefined: there was none. */
  #settle(batch: ProducerBatch, answer: BatchAnswer | undefined): void {
    const { queue } = batch;
    const error = answer?.error ?? "DISCONNECTED";
    if (answer && meansStaleMetadata(answer.error)) this.#leaderMoved(queue, answer);
    const verdict = judge(error, {
      recordCount: batch.recordCount,
      isFirstOpen: this.#guard && queue.sequences.isFirst(batch),
      isInDoubt: batch.isInDoubt,
      isOvertaken: batch.isNumbered && queue.sequences.isOvertaken(batch),
      isTransactional: this.#guard?.isTransactional ?? false,
      isWanted: this.#guard?.isDelivering ?? true,
    });
    if (error !== "NONE") {
      batch.lastError = deliveryError(batch, error, answer);
      const fields = { partition: queue.name, error, verdict, attempts: batch.attempts };
      this.#logger.log("warn", "a batch was not acknowledged", fields);
    }
    this.#carryOut(verdict, batch, error, answer);
  }

  #carryOut(
    verdict: Verdict,
    batch: ProducerBatch,
    error: ErrorName | "DISCONNECTED",
    answer: BatchAnswer | undefined,
  ): void {
    const { sequences } = batch.queue;
    switch (verdict) {
      case "acknowledged":
        if (batch.isNumbered) batch.queue.acknowledged(batch, this.#clock.monotonic());
        this.#accumulator.succeed(batch, answer?.baseOffset ?? -1, answer?.logAppendTimeMs ?? -1);
        return;
      case "split":
        this.#accumulator.split(batch);
        return;
      case "restart":
        sequences.foundGap(batch);
        this.#unsettled.add(batch.queue);
        this.#accumulator.putBack(batch);
        return;
      case "retry":
        if (leavesInDoubt(error)) batch.isInDoubt = true;
        batch.sendAt = this.#clock.monotonic() + this.#retryDelay(batch, error);
        this.#accumulator.putBack(batch);
        return;
      case "refused":
        if (batch.isNumbered) sequences.refused(batch);
        this.#fail(batch, error, answer);
        return;
      case "unknown":
        if (batch.isNumbered) sequences.givenUp(batch);
        this.#fail(batch, error, answer);
    }
  }

  /** Out of order behind a batch that failed: its turn comes when that one is settled, without a wait of its own. */
  #retryDelay(batch: ProducerBatch, error: ErrorName | "DISCONNECTED"): number {
    if (error === "OUT_OF_ORDER_SEQUENCE_NUMBER") return 0;
    if (error === "CONCURRENT_TRANSACTIONS") return CONCURRENT_TRANSACTIONS_RETRY_MS;
    return this.#backoff(batch.attempts);
  }

  #leaderMoved(queue: PartitionQueue, answer: BatchAnswer): void {
    this.#cluster.metadata.updateLeader(queue.topic, queue.partition, answer.leaderId, answer.leaderEpoch);
    this.#cluster.requestRefresh([queue.topic]);
  }

  #fail(batch: ProducerBatch, error: ErrorName | "DISCONNECTED", answer: BatchAnswer | undefined): void {
    const what = describe(batch);
    const cause = deliveryError(batch, error, answer);
    const told = this.#guard?.batchFailed(cause) ?? cause;
    const blamed = new Map(answer?.recordErrors.map((each) => [each.batchIndex, each.batchIndexErrorMessage]));
    const errorOf = (index: number): OncillaError => {
      if (blamed.size === 0 || error === "DISCONNECTED") return told;
      if (!blamed.has(index))
        return new OncillaError(error, `${what}: refused with another record of their batch (${error})`);
      return wireError(error, `a record for ${batch.queue.name}`, blamed.get(index) ?? answer?.message);
    };
    this.#unsettled.add(batch.queue);
    this.#accumulator.fail(batch, told, errorOf);
  }

  /** Fails the batches whose time is over. Those on their way are waited for: their requests end in time by themselves. */
  #expire(now: number): void {
    const { deliveryTimeoutMs } = this.#options;
    for (const batch of this.#accumulator.incomplete) {
      if (batch.isInFlight) continue;
      if (batch.createdAt + deliveryTimeoutMs > now) {
        this.#alarm.setBy(batch.createdAt + deliveryTimeoutMs);
        return;
      }
      const what = `${describe(batch)} were not acknowledged within ${deliveryTimeoutMs} ms`;
      const error = timedOut(what, batch.lastError ?? this.#unsentReason(batch));
      this.#accumulator.withdraw(batch);
      if (batch.isNumbered) batch.queue.sequences.givenUp(batch);
      this.#unsettled.add(batch.queue);
      this.#accumulator.fail(batch, this.#guard?.batchFailed(error) ?? error);
    }
  }

  #unsentReason({ queue: { topic } }: ProducerBatch): OncillaError | undefined {
    const error = this.#cluster.metadata.errorOf(topic);
    return error && wireError(error, `metadata of topic ${topic}`);
  }

  /** Numbers partitions anew where a gap would be left otherwise. In a transaction nothing is numbered anew: it is aborted, and
   * the next one has an identity of its own. */
  #restartSequences(): void {
    const guard = this.#guard;
    if (!guard || guard.isTransactional) return;
    for (const queue of this.#unsettled) {
      const { sequences } = queue;
      if (!sequences.needsRestart && !sequences.isLost) {
        if (sequences.open.length === 0) this.#unsettled.delete(queue);
        continue;
      }
      // What is on its way carries the old numbers.
      if (queue.inFlight > 0) continue;
      const identity = this.#unusedIdentity(guard, queue);
      if (!identity) return;
      sequences.restart(identity);
      for (const batch of sequences.open) batch.renumbered();
      this.#unsettled.delete(queue);
    }
  }

  #unusedIdentity(guard: DeliveryGuard, { sequences }: PartitionQueue): ProducerIdentity | undefined {
    const identity = guard.identity();
    if (!identity || !sequences.hasUsed(identity)) return identity;
    guard.bump();
    return guard.identity();
  }
}

function describe({ recordCount, queue }: ProducerBatch): string {
  return `${recordCount} records for ${queue.name}`;
}

function deliveryError(
  batch: ProducerBatch,
  error: ErrorName | "DISCONNECTED",
  answer: BatchAnswer | undefined,
): OncillaError {
  const what = describe(batch);
  if (error === "DISCONNECTED") return new OncillaError(error, `${what}: no answer from the broker`);
  return wireError(error, what, answer?.message);
}
