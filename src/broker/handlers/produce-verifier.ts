/** Asks the transaction coordinator about the partitions of one Produce request, in one go (KIP-890). */
import type { TransactionCoordinator } from "../../coordinator/transaction/transaction-coordinator.ts";
import type { TransactionStep } from "../../coordinator/transaction/turn.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import type { CoordinatorRuntime } from "../coordinator-runtime.ts";
import type { Partition, Verification } from "../partition.ts";

/** The first version that adds the partitions it writes to; older ones expect to find them. */
const ADDING_VERSION = 12;

interface Question {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly answer: (error: ErrorName) => void;
}

export class ProduceVerifier {
  readonly #transactions: CoordinatorRuntime<TransactionCoordinator, TransactionStep>;
  readonly #transactionalId: string | null;
  readonly #isVersion2: boolean;
  /** Collected until `send`; later questions, of batches that had to wait their turn, go out one by one. */
  #questions: Question[] | undefined = [];

  constructor(
    transactions: CoordinatorRuntime<TransactionCoordinator, TransactionStep>,
    transactionalId: string | null,
    apiVersion: number,
  ) {
    this.#transactions = transactions;
    this.#transactionalId = transactionalId;
    this.#isVersion2 = apiVersion >= ADDING_VERSION;
  }

  verification({ topic, index }: Partition, { producerId, producerEpoch }: RecordBatch): Verification {
    return {
      isVersion2: this.#isVersion2,
      ask: (answer) => {
        const question: Question = { topic, partition: index, producerId, producerEpoch, answer };
        if (this.#questions) this.#questions.push(question);
        else this.#ask([question]);
      },
    };
  }

  /** Asks what was collected. */
  send(): void {
    const questions = this.#questions ?? [];
    this.#questions = undefined;
    if (questions.length === 0) return;
    const byProducer = Map.groupBy(questions, ({ producerId, producerEpoch }) => `${producerId}/${producerEpoch}`);
    for (const group of byProducer.values()) this.#ask(group);
  }

  #ask(questions: readonly Question[]): void {
    const [first] = questions;
    if (!first) return;
    const transactionalId = this.#transactionalId;
    if (transactionalId === null) {
      for (const { answer } of questions) answer("INVALID_TXN_STATE");
      return;
    }
    const { producerId, producerEpoch } = first;
    const request = {
      transactionalId,
      producerId,
      producerEpoch,
      partitions: questions.map(({ topic, partition }) => ({ topic, partition })),
      verifyOnly: !this.#isVersion2,
      version: this.#isVersion2 ? 2 : 0,
    } as const;
    this.#transactions.request<readonly ErrorName[]>(
      transactionalId,
      (machine, now, answer) => machine.addPartitionsToTxn(request, now, answer),
      (errors) => {
        for (const [i, { answer }] of questions.entries()) answer(errors[i] ?? "UNKNOWN_SERVER_ERROR");
      },
      (error) => questions.map(() => error),
    );
  }
}
