/**
 * The transaction coordinator of one partition of `__transaction_state`: knows the transactional ids that hash to it,
 * and where each of them stands. See `CoordinatorMachine` for how it is driven. What a request means is in
 * `decisions.ts`, what a state is in `state.ts`; here they meet records, waiting, deadlines and markers.
 */
import { defined } from "../../platform/assert.ts";
import type { Logger } from "../../platform/logger.ts";
import type { addOffsetsToTxn } from "../../protocol/apis/add-offsets-to-txn.ts";
import type { endTxn } from "../../protocol/apis/end-txn.ts";
import type { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { CoordinatorMachine, CoordinatorRecord } from "../coordinator.ts";
import { Deadline, DeadlineQueue } from "../deadlines.ts";
import { addOffsetsToTxnResponse, endTxnResponse, initProducerIdResponse, type PartitionsRequest } from "./answers.ts";
import type { TransactionCoordinatorConfig } from "./config.ts";
import { decideAdd, decideClassicEnd, decideEnd, decideInit, verifyPartition } from "./decisions.ts";
import type { TransactionFilter } from "./filter.ts";
import type { TopicPartition } from "./partitions.ts";
import { type Description, describeTransaction, type Listing, listTransaction } from "./queries.ts";
import { readRecord } from "./records.ts";
import { currentProducer, isPrepared, isSettled, type Producer, type TransactionMetadata } from "./state.ts";
import { completed, type ProducerIds, preparedWithNextEpoch } from "./transitions.ts";
import { type MarkerRequest, type TransactionStep, Turn } from "./turn.ts";
import { type Attempt, WaitingRoom } from "./waiting-room.ts";

/** A tick ends once it has this many records; then `nextDeadline` is due still. Of ids that nobody uses many may expire at once. */
const MAX_RECORDS_PER_TICK = 1000;

type InitProducerId = typeof initProducerId;
type AddOffsetsToTxn = typeof addOffsetsToTxn;
type EndTxn = typeof endTxn;

export interface TransactionCoordinatorOptions {
  /** The leader epoch of the partition: readers of a marker can tell an old coordinator's from this one's. */
  readonly coordinatorEpoch: number;
  readonly config: TransactionCoordinatorConfig;
  readonly producerIds: ProducerIds;
  /** The partition of `__consumer_offsets` that holds a group's offsets. */
  readonly offsetsPartitionOf: (groupId: string) => number;
  readonly logger: Logger;
}

interface Entry {
  metadata: TransactionMetadata;
  /** When it times out or expires; not set while it is being completed. */
  readonly deadline: Deadline<Turn>;
}

interface Completion {
  readonly request: MarkerRequest;
  /** The partitions whose marker has not been reported. */
  readonly unwritten: Set<string>;
}

export class TransactionCoordinator implements CoordinatorMachine<TransactionStep> {
  readonly #options: TransactionCoordinatorOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #deadlines = new DeadlineQueue<Turn>();
  readonly #waiting = new WaitingRoom(this.#deadlines);
  readonly #completions = new Map<string, Completion>();

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
  }

  // The requests.

  /** InitProducerId with a transactional id. Without one it is no matter of a coordinator's: any new id will do. */
  initProducerId(
    request: RequestOf<InitProducerId>,
    apiVersion: number,
    now: number,
    reply: (response: ResponseBody<InitProducerId>) => void,
  ): TransactionStep {
    const { transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request;
    const transactionalId = request.transactionalId ?? "";
    const turn = this.#turn(now);
    const answer = (error: ErrorName, metadata?: TransactionMetadata): void =>
      reply(initProducerIdResponse(apiVersion, error, metadata?.producer));
    if (transactionalId === "" || (producerId === -1) !== (producerEpoch === -1)) {
      turn.reply(() => answer("INVALID_REQUEST"));
    } else if (timeoutMs <= 0 || timeoutMs > this.#options.config.maxTransactionTimeoutMs) {
      turn.reply(() => answer("INVALID_TRANSACTION_TIMEOUT"));
    } else {
      const expected = expectedProducer(producerId, producerEpoch);
      const init = { transactionalId, timeoutMs, expected };
      this.#try(turn, transactionalId, (known) => decideInit(known, init, this.#options.producerIds, now), answer);
    }
    return this.#end(turn);
  }

  /**
   * Adds partitions to a transaction, or looks for them in it; `reply` gets one error for each of them. Serves
   * AddPartitionsToTxn, and Produce and TxnOffsetCommit: transactions v2 (Produce v12+, TxnOffsetCommit v5+) add the
   * partition that they write to, the classic protocol only verifies it.
   *
   * With `verifyOnly` a partition has to be in the transaction now, which is durable when `reply` runs, and still be
   * in it then: a caller that appends in the same turn of the event loop cannot come too late.
   */
  addPartitionsToTxn(
    request: PartitionsRequest,
    now: number,
    reply: (errors: readonly ErrorName[]) => void,
  ): TransactionStep {
    const { transactionalId, partitions, version } = request;
    const turn = this.#turn(now);
    const answer = (error: ErrorName): void => reply(partitions.map(() => error));
    if (transactionalId === "") {
      turn.reply(() => answer("INVALID_REQUEST"));
    } else if (request.verifyOnly) {
      const verify = (each: TopicPartition): ErrorName => verifyPartition(this.#known(transactionalId), request, each);
      const errors = partitions.map(verify);
      turn.reply(() => reply(partitions.map((each, i) => (errors[i] === "NONE" ? verify(each) : defined(errors[i])))));
    } else {
      this.#try(turn, transactionalId, (known, at) => decideAdd(known, request, partitions, version, at), answer);
    }
    return this.#end(turn);
  }

  addOffsetsToTxn(
    request: RequestOf<AddOffsetsToTxn>,
    apiVersion: number,
    now: number,
    reply: (response: ResponseBody<AddOffsetsToTxn>) => void,
  ): TransactionStep {
    const { groupId, transactionalId, producerId, producerEpoch } = request;
    const partitions = [{ topic: "__consumer_offsets", partition: this.#options.offsetsPartitionOf(groupId) }];
    const addition = { transactionalId, producerId, producerEpoch, partitions, verifyOnly: false, version: 0 } as const;
    return this.addPartitionsToTxn(addition, now, ([error]) =>
      reply(addOffsetsToTxnResponse(apiVersion, error ?? "UNKNOWN_SERVER_ERROR")),
    );
  }

  endTxn(
    request: RequestOf<EndTxn>,
    apiVersion: number,
    now: number,
    reply: (response: ResponseBody<EndTxn>) => void,
  ): TransactionStep {
    const { transactionalId, committed } = request;
    const turn = this.#turn(now);
    const answer = (error: ErrorName, metadata?: TransactionMetadata): void =>
      reply(endTxnResponse(apiVersion, error, metadata && currentProducer(metadata)));
    if (transactionalId === "") {
      turn.reply(() => answer("INVALID_REQUEST"));
    } else {
      const type = committed ? "commit" : "abort";
      const decide: Attempt["decide"] = (known, at) =>
        apiVersion >= 5
          ? decideEnd(known, request, type, this.#options.producerIds, at)
          : decideClassicEnd(known, request, type, at);
      this.#try(turn, transactionalId, decide, answer);
    }
    return this.#end(turn);
  }

  /** The entry of a DescribeTransactions response for one id. */
  describe(transactionalId: string, now: number, reply: (description: Description) => void): TransactionStep {
    const turn = this.#turn(now);
    const description = describeTransaction(transactionalId, this.#known(transactionalId));
    turn.reply(() => reply(description));
    return this.#end(turn);
  }

  /** This coordinator's entries of a ListTransactions response. */
  list(filter: TransactionFilter, now: number, reply: (listings: readonly Listing[]) => void): TransactionStep {
    const turn = this.#turn(now);
    const listings = [...this.#entries.values()]
      .filter(({ metadata }) => filter.matches(metadata, now))
      .map(({ metadata }) => listTransaction(metadata));
    turn.reply(() => reply(listings));
    return this.#end(turn);
  }

  /** Of every transactional id, at this moment, for metrics. It may not be durable yet: nothing to tell a client. */
  *states(): Generator<string> {
    for (const { metadata } of this.#entries.values()) yield metadata.state;
  }

  // The runtime's side.

  /** Markers of `request` are durable in `partitions`, or those are no more. When all are, the transaction is complete.
   * A report that comes twice, or late, does nothing. */
  markersWritten(request: MarkerRequest, partitions: readonly TopicPartition[], now: number): TransactionStep {
    const turn = this.#turn(now);
    const { transactionalId } = request;
    const completion = this.#completions.get(transactionalId);
    if (completion?.request !== request) return turn;
    for (const partition of partitions) completion.unwritten.delete(keyOf(partition));
    if (completion.unwritten.size > 0) return turn;
    this.#completions.delete(transactionalId);
    turn.put(completed(defined(this.#known(transactionalId)), now));
    for (const attempt of this.#waiting.leave(transactionalId)) {
      // The clock may have been put back while it waited.
      const waitsUntil = Math.min(attempt.waitsUntil, now + this.#options.config.completionWaitMs);
      this.#decide(turn, { ...attempt, waitsUntil });
    }
    return this.#end(turn);
  }

  /** To be called once, after the records were replayed: goes on with the completions that were not through. Nobody
   * knows which of their markers are written. All are written again, at the same epoch, which changes nothing where
   * they are. */
  resumeCompletions(now: number): TransactionStep {
    const turn = this.#turn(now);
    for (const entry of this.#entries.values()) {
      const { metadata } = entry;
      if (isPrepared(metadata)) turn.complete(metadata);
      // The clock may have been ahead, or be behind now: nothing waits until it is back at the time that it showed.
      this.#schedule(entry, now);
    }
    return this.#end(turn);
  }

  apply(record: CoordinatorRecord): void {
    const { transactionalId, metadata } = readRecord(record);
    const entry = this.#entries.get(transactionalId);
    if (!metadata) {
      this.#entries.delete(transactionalId);
      if (entry) this.#deadlines.clear(entry.deadline);
    } else if (entry) {
      const { metadata: before } = entry;
      entry.metadata = metadata;
      // A transaction that began before the clock was set stays due when it was.
      const goesOn =
        metadata.state === "Ongoing" && before.state === "Ongoing" && metadata.startedAt === before.startedAt;
      if (!goesOn) this.#schedule(entry);
    } else {
      const created: Entry = { metadata, deadline: new Deadline((turn) => this.#due(turn, created.metadata)) };
      this.#entries.set(transactionalId, created);
      this.#schedule(created);
    }
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next;
  }

  clockMoved(byMs: number): void {
    this.#deadlines.clockMoved(byMs);
  }

  tick(now: number): TransactionStep {
    const turn = this.#turn(now);
    while (turn.records.length < MAX_RECORDS_PER_TICK) {
      const due = this.#deadlines.takeDue(now);
      if (!due) break;
      due.run(turn);
    }
    return this.#end(turn);
  }

  #turn(now: number): Turn {
    return new Turn(now, this.#options.coordinatorEpoch, (transactionalId) => this.#known(transactionalId));
  }

  #end(turn: Turn): TransactionStep {
    for (const request of turn.markers) {
      this.#completions.set(request.transactionalId, { request, unwritten: new Set(request.partitions.map(keyOf)) });
    }
    return turn;
  }

  #known(transactionalId: string): TransactionMetadata | undefined {
    return this.#entries.get(transactionalId)?.metadata;
  }

  #try(turn: Turn, transactionalId: string, decide: Attempt["decide"], answer: Attempt["answer"]): void {
    const waitsUntil = turn.now + this.#options.config.completionWaitMs;
    this.#decide(turn, { transactionalId, decide, answer, waitsUntil });
  }

  /** Decides until there is an answer, or markers have to be waited for. */
  #decide(turn: Turn, attempt: Attempt): void {
    for (;;) {
      const decision = attempt.decide(turn.get(attempt.transactionalId), turn.now);
      if (decision.kind === "refuse") {
        turn.reply(() => attempt.answer(decision.error));
        return;
      }
      if (decision.next) turn.put(decision.next);
      const metadata = turn.get(attempt.transactionalId);
      if (decision.kind === "accept") {
        turn.reply(() => attempt.answer("NONE", metadata));
        return;
      }
      if (metadata && isPrepared(metadata)) {
        this.#waiting.enter(attempt);
        return;
      }
    }
  }

  /** `latest`: when what is waited for has begun at the latest. */
  #schedule({ metadata, deadline }: Entry, latest: number = Number.POSITIVE_INFINITY): void {
    if (isPrepared(metadata)) this.#deadlines.clear(deadline);
    else this.#deadlines.set(deadline, this.#dueAt(metadata, latest));
  }

  #dueAt(metadata: TransactionMetadata, latest: number): number {
    const { startedAt, updatedAt, timeoutMs } = metadata;
    if (startedAt !== undefined && !isSettled(metadata)) return Math.min(startedAt, latest) + timeoutMs;
    return Math.min(updatedAt, latest) + this.#options.config.transactionalIdExpirationMs;
  }

  /** A transaction was open for too long, or an id unused. */
  #due(turn: Turn, metadata: TransactionMetadata): void {
    const { transactionalId, producer, timeoutMs } = metadata;
    if (isSettled(metadata)) {
      turn.forget(transactionalId);
      return;
    }
    this.#options.logger.log("info", "aborting a transaction that is open for longer than its timeout", {
      transactionalId,
      ...producer,
      timeoutMs,
    });
    turn.put(preparedWithNextEpoch(metadata, "abort", true, this.#options.producerIds, turn.now));
  }
}

/** Whom an InitProducerId says it comes from. Some clients (@platformatic/kafka) write zeros for nobody; ids begin
 * after 0, so that this can be told. */
function expectedProducer(producerId: number, producerEpoch: number): Producer | undefined {
  const isNobody = producerId === -1 || (producerId === 0 && producerEpoch === 0);
  return isNobody ? undefined : { producerId, producerEpoch };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
