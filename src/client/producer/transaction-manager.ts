/**
 * Runs transactions with the coordinator: who the producer is, which partitions and offsets belong to the transaction, how it
 * ends. Speaks both protocols: the classic one (KIP-98), which adds partitions before they are written to, and the newer
 * (KIP-890, `transaction.version` 2), where Produce and TxnOffsetCommit add what they touch, and each transaction has an
 * epoch of its own. The protocol is chosen when a transaction begins, and the newer one only at an epoch that no classic
 * transaction has had: a partition may still be without that one's marker, and takes what comes at its epoch for more of it.
 */
import { addOffsetsToTxn } from "../../protocol/apis/add-offsets-to-txn.ts";
import { addPartitionsToTxn } from "../../protocol/apis/add-partitions-to-txn.ts";
import { endTxn } from "../../protocol/apis/end-txn.ts";
import { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import { errorName } from "../../protocol/errors.ts";
import { asOncillaError, OncillaError, wireError } from "../errors.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import { type RetryScope, retrying, retryLoop, timedOut, withTimeout } from "../network/retry.ts";
import type { ConsumerGroupMetadata, TopicPartitionOffset } from "../types.ts";
import type { DeliveryGuard } from "./delivery-guard.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { ProducerIdentity } from "./sequences.ts";
import { asFatal, fromCoordinator, fromPartition } from "./transaction-errors.ts";
import { commitOffsets } from "./transaction-offsets.ts";
import { TransactionMachine, type TransactionState } from "./transaction-state.ts";

export interface TransactionOptions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly maxBlockMs: number;
}

/** What transactions ask of the batches. */
export interface BatchControl {
  /** Resolves when every batch is done. */
  flushed(): Promise<void>;
  /** Fails the batches that were never sent. */
  dropUnsent(error: OncillaError): void;
  /** Fails all batches; nothing more will be sent. */
  stop(error: OncillaError): void;
  wake(): void;
}

/** The last Produce version that does not add partitions to the transaction by itself. */
const LAST_CLASSIC_PRODUCE = 11;
/** AddPartitionsToTxn beyond is for brokers. */
const LAST_CLIENT_ADD_PARTITIONS = 3;
/** The last EndTxn version that leaves the epoch as it is. */
const LAST_CLASSIC_END_TXN = 4;
/** The first wait before a call to a coordinator is repeated: the end of the last transaction takes it a few ms. */
const FIRST_RETRY_MS = 20;

type Operation = "initTransactions" | "commitTransaction" | "abortTransaction";

export class TransactionManager implements DeliveryGuard {
  readonly isTransactional = true;
  readonly transactionalId: string;
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #scope: RetryScope;
  readonly #options: TransactionOptions;
  readonly #batches: BatchControl;
  readonly #coordinator: CoordinatorLink;
  readonly #groups = new Map<string, CoordinatorLink>();
  readonly #machine = new TransactionMachine();
  #identity: ProducerIdentity | undefined;
  /** Whether the open transaction uses the newer protocol. */
  #isV2 = false;
  /** Whether the coordinator knows of the open transaction: then it has to be ended. Classic protocol: "maybe" from the first call
   * that begins it until one is answered. */
  #hasBegun: "no" | "maybe" | "yes" = "no";
  /** Something failed: what is on its way must not get into the next transaction, which takes a new epoch. */
  #mustBump = false;
  /** A classic transaction has had the present epoch. */
  #isEpochClassic = false;
  /** Classic protocol: partitions that belong to the transaction, and those that are to be added. */
  readonly #added = new Set<PartitionQueue>();
  readonly #toAdd = new Set<PartitionQueue>();
  #isAdding = false;
  /** Calls that have to end before the transaction can. */
  readonly #calls = new Set<Promise<void>>();
  /** Why the call to the coordinator that is under way has no answer yet. */
  #obstacle: OncillaError | undefined;
  /** What was started and whose outcome the caller has not learned yet: a call that timed out goes on. */
  #pending: { readonly operation: Operation; readonly outcome: Promise<void> } | undefined;

  constructor(cluster: Cluster, lane: Lane, signal: AbortSignal, options: TransactionOptions, batches: BatchControl) {
    this.transactionalId = options.transactionalId;
    this.#cluster = cluster;
    this.#lane = lane;
    const scope = cluster.retryScope(signal);
    this.#scope = { ...scope, backoff: { ...scope.backoff, baseMs: Math.min(FIRST_RETRY_MS, scope.backoff.baseMs) } };
    this.#options = options;
    this.#batches = batches;
    this.#coordinator = new CoordinatorLink(cluster, lane, "transaction", options.transactionalId);
  }

  get state(): TransactionState {
    return this.#machine.state;
  }

  get maxProduceVersion(): number {
    return this.#isV2 ? Number.POSITIVE_INFINITY : LAST_CLASSIC_PRODUCE;
  }

  get isDelivering(): boolean {
    return this.state === "in_transaction" || this.state === "committing";
  }

  identity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  /** Only the coordinator gives new identities. */
  bump(): void {
    throw new OncillaError("INVALID_STATE", "a transactional producer does not raise its epoch by itself");
  }

  mayProduce(queue: PartitionQueue): boolean {
    if (!this.isDelivering) return false;
    if (this.#isV2) {
      this.#hasBegun = "yes";
      return true;
    }
    if (this.#added.has(queue)) return true;
    this.#toAdd.add(queue);
    if (!this.#isAdding) this.#track(this.#addPartitions());
    return false;
  }

  batchFailed(error: OncillaError): OncillaError {
    return this.#failed(fromPartition(error));
  }

  /** Throws unless records may be produced now. */
  requireOpen(): void {
    if (this.state !== "in_transaction") throw this.#machine.refusal("send");
  }

  /** Why a record that was given while the transaction was open does not get into it any more; a commit waits for it. */
  get lateRefusal(): OncillaError | undefined {
    if (this.isDelivering) return undefined;
    return this.state === "aborting" ? notSent() : this.#machine.refusal("send");
  }

  initialize(): Promise<void> {
    return this.#perform("initTransactions", () => {
      this.#machine.apply("initialize");
      return this.#initialize();
    });
  }

  begin(): void {
    if (this.#pending) throw this.#otherPending("beginTransaction");
    this.#machine.apply("begin");
    this.#isV2 = this.#speaksV2 && !this.#isEpochClassic;
    this.#hasBegun = "no";
    this.#mustBump = false;
    this.#added.clear();
    this.#toAdd.clear();
  }

  commit(): Promise<void> {
    return this.#perform("commitTransaction", () => {
      this.#machine.apply("commit");
      return this.#end(true);
    });
  }

  abort(): Promise<void> {
    return this.#perform("abortTransaction", () => {
      this.#machine.apply("abort");
      this.#batches.dropUnsent(notSent());
      return this.#end(false);
    });
  }

  sendOffsets(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    this.#machine.requireOpen("sendOffsetsToTransaction");
    const call = this.#sendOffsets(offsets, group).catch((error: unknown) => {
      throw this.#failed(fromCoordinator(asOncillaError(error)));
    });
    this.#track(call);
    return call;
  }

  get #speaksV2(): boolean {
    return this.#cluster.featureLevel("transaction.version") >= 2;
  }

  /** Starts an operation, or goes on with the same one that timed out before. */
  async #perform(operation: Operation, start: () => Promise<void>): Promise<void> {
    if (this.#pending && this.#pending.operation !== operation) throw this.#otherPending(operation);
    this.#pending ??= { operation, outcome: start() };
    const { outcome } = this.#pending;
    const { maxBlockMs } = this.#options;
    let isTimedOut = false;
    try {
      await withTimeout(this.#scope.clock, outcome, maxBlockMs, () => {
        isTimedOut = true;
        // Nobody may ever ask for it.
        outcome.catch(() => {});
        const what = `${operation} of ${this.transactionalId}: no outcome within ${maxBlockMs} ms`;
        return timedOut(`${what} (repeat the call, or close the producer)`, this.#obstacle);
      });
    } finally {
      if (!isTimedOut) this.#pending = undefined;
    }
  }

  #otherPending(what: string): OncillaError {
    const { operation } = this.#pending ?? {};
    return new OncillaError("INVALID_STATE", `${what}: repeat ${operation}() first, whose outcome is not known`);
  }

  async #initialize(): Promise<void> {
    try {
      await this.#initProducerId(undefined);
    } catch (error) {
      throw this.#failedForGood(error);
    }
    this.#machine.apply("initialized");
  }

  /** `old` undefined: as a new producer, which ends the transaction of the one before. */
  async #initProducerId(old: ProducerIdentity | undefined): Promise<void> {
    const { transactionalId, transactionTimeoutMs } = this.#options;
    const response = await this.#untilAnswered(async () => {
      const body = { transactionalId, transactionTimeoutMs, ...old };
      const answer = await this.#coordinator.request(initProducerId, body);
      this.#check(answer.errorCode, "InitProducerId");
      return answer;
    });
    this.#identity = { producerId: response.producerId, producerEpoch: response.producerEpoch };
    this.#isEpochClassic = false;
  }

  async #end(isCommit: boolean): Promise<void> {
    await this.#batches.flushed();
    await Promise.allSettled(this.#calls);
    // A batch or a call may have failed meanwhile.
    const isSound = this.state === (isCommit ? "committing" : "aborting");
    if (!isSound) throw this.#machine.refusal(isCommit ? "commitTransaction" : "abortTransaction");
    try {
      if (this.#hasBegun === "maybe" && !isCommit) await this.#endIfBegun();
      else if (this.#hasBegun !== "no") await this.#endTxn(isCommit);
    } catch (error) {
      const isAbortable = isCommit && error instanceof OncillaError && error.code === "TRANSACTION_ABORTABLE";
      throw isAbortable ? this.#failed(fromCoordinator(error)) : this.#failedForGood(error);
    }
    this.#machine.apply("completed");
  }

  /** The calls that begin the transaction have failed, and may have had effect, or may yet: this aborts. A new epoch alone would not
   * do: a coordinator that has a transaction open fences whoever asks for one. */
  async #endIfBegun(): Promise<void> {
    try {
      await this.#endTxn(false);
    } catch (error) {
      if (!(error instanceof OncillaError && error.code === "INVALID_TXN_STATE")) throw error;
      await this.#initProducerId(this.#identity);
    }
  }

  async #endTxn(committed: boolean): Promise<void> {
    const { transactionalId } = this.#options;
    const maxVersion = this.#isV2 ? endTxn.versions[1] : LAST_CLASSIC_END_TXN;
    const what = committed ? "commit" : "abort";
    const response = await this.#untilAnswered(async () => {
      const body = { transactionalId, ...this.#writer(), committed };
      const answer = await this.#coordinator.request(endTxn, body, { maxVersion });
      this.#check(answer.errorCode, what);
      return answer;
    });
    const { producerId, producerEpoch } = response;
    if (producerId >= 0) this.#identity = { producerId, producerEpoch };
    // With the newer protocol there, the next transaction is to go over to it.
    else if (this.#mustBump || this.#speaksV2) await this.#initProducerId(this.#identity);
  }

  /** Classic protocol: adds what has come together, until nothing is left to add. */
  async #addPartitions(): Promise<void> {
    this.#isAdding = true;
    // The sender goes over all partitions in one turn: one request for all of them.
    await Promise.resolve();
    try {
      while (this.#toAdd.size > 0) {
        const queues = [...this.#toAdd];
        await this.#begins(() => this.#untilAnswered(() => this.#requestAdd(queues)));
        for (const queue of queues) {
          this.#toAdd.delete(queue);
          this.#added.add(queue);
        }
        this.#batches.wake();
      }
    } catch (error) {
      this.#toAdd.clear();
      if (!(error instanceof OncillaError)) throw error;
      this.#failed(fromCoordinator(error));
    } finally {
      this.#isAdding = false;
    }
  }

  /** Classic protocol. */
  async #begins(call: () => Promise<void>): Promise<void> {
    this.#isEpochClassic = true;
    if (this.#hasBegun === "no") this.#hasBegun = "maybe";
    await call();
    this.#hasBegun = "yes";
  }

  async #requestAdd(queues: readonly PartitionQueue[]): Promise<void> {
    const { producerId, producerEpoch } = this.#writer();
    const body = {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: groupByTopic(queues).map(({ topic, items }) => ({
        name: topic,
        partitions: items.map(({ partition }) => partition),
      })),
    };
    const options = { maxVersion: LAST_CLIENT_ADD_PARTITIONS };
    const response = await this.#coordinator.request(addPartitionsToTxn, body, options);
    const results = response.resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
      resultsByPartition.map((result) => ({ name, ...result })),
    );
    // All or none are added: what was not attempted says nothing by itself.
    const notable = results.filter(({ partitionErrorCode: code }) => errorName(code) !== "OPERATION_NOT_ATTEMPTED");
    for (const { name, partitionIndex, partitionErrorCode } of notable) {
      this.#check(partitionErrorCode, `adding ${name}-${partitionIndex} to the transaction`);
    }
  }

  async #sendOffsets(offsets: readonly TopicPartitionOffset[], group: ConsumerGroupMetadata): Promise<void> {
    if (offsets.length === 0) return;
    const { transactionalId } = this;
    const { maxBlockMs } = this.#options;
    if (this.#isV2) this.#hasBegun = "yes";
    else {
      const what = `adding the offsets of group ${group.groupId} to the transaction`;
      const add = async (): Promise<void> => {
        const body = { transactionalId, ...this.#writer(), groupId: group.groupId };
        const response = await this.#coordinator.request(addOffsetsToTxn, body);
        this.#check(response.errorCode, what);
      };
      await this.#begins(() => retrying(this.#scope, what, maxBlockMs, add));
    }
    const link = this.#groupLink(group.groupId);
    const writer = { transactionalId, ...this.#writer() };
    await commitOffsets(this.#scope, link, maxBlockMs, this.#isV2, writer, offsets, group);
  }

  #groupLink(groupId: string): CoordinatorLink {
    let link = this.#groups.get(groupId);
    if (!link) {
      link = new CoordinatorLink(this.#cluster, this.#lane, "group", groupId);
      this.#groups.set(groupId, link);
    }
    return link;
  }

  #writer(): ProducerIdentity {
    if (!this.#identity) throw this.#machine.refusal("this");
    return this.#identity;
  }

  /** Repeats until there is an answer: giving up would leave the outcome unknown. */
  async #untilAnswered<T>(attempt: () => Promise<T>): Promise<T> {
    const answer = await retryLoop(this.#scope, attempt, (error) => {
      this.#obstacle = error;
    });
    this.#obstacle = undefined;
    return answer;
  }

  #check(code: number, what: string): void {
    const error = errorName(code);
    if (error === "NONE") return;
    this.#coordinator.noteError(error);
    throw wireError(error, `${what} (transactional id ${this.transactionalId})`);
  }

  #track(call: Promise<void>): void {
    const settled = call.then(
      () => {},
      () => {},
    );
    this.#calls.add(settled);
    settled.finally(() => this.#calls.delete(settled));
  }

  #failedForGood(error: unknown): unknown {
    return error instanceof OncillaError ? this.#failed(asFatal(error)) : error;
  }

  /** Gives the error that the caller is to see: what failed first. */
  #failed(error: OncillaError): OncillaError {
    this.#machine.apply(error.fatal ? "fatal" : "abortable", error);
    this.#mustBump = true;
    if (error.fatal) this.#batches.stop(error);
    else this.#batches.dropUnsent(error);
    return this.#machine.error ?? error;
  }
}

function notSent(): OncillaError {
  return new OncillaError("TRANSACTION_ABORTED", "not sent: its transaction was aborted");
}
