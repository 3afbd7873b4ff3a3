import { describeProducers } from "../../protocol/apis/describe-producers.ts";
import { describeTransactions } from "../../protocol/apis/describe-transactions.ts";
import { listTransactions } from "../../protocol/apis/list-transactions.ts";
import { writeTxnMarkers } from "../../protocol/apis/write-txn-markers.ts";
import { errorName } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import { askLeaders, type LeaderAnswer, leaderError } from "../network/ask-leaders.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { Cluster } from "../network/cluster.ts";
import { CoordinatorLink } from "../network/coordinator-link.ts";
import type { Lane } from "../network/lane.ts";
import type { TopicPartition } from "../types.ts";
import { isOpen, isSameTransaction } from "./hanging-transactions.ts";
import type {
  PartitionProducer,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
  TransactionToAbort,
} from "./transaction-types.ts";

type Retrying = <T>(what: string, attempt: () => Promise<T>) => Promise<T>;
type DescribedProducer = ResponseOf<
  typeof describeProducers
>["topics"][number]["partitions"][number]["activeProducers"][number];

/** The versions of ListTransactions that know the filters. */
const DURATION_VERSION = 1;
const PATTERN_VERSION = 2;
const NONE = -1;

/** The admin's calls about transactions (KIP-664). */
export class TransactionAdmin {
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #retrying: Retrying;

  constructor(cluster: Cluster, lane: Lane, retrying: Retrying) {
    this.#cluster = cluster;
    this.#lane = lane;
    this.#retrying = retrying;
  }

  /** Every broker knows the transactional ids that it coordinates. */
  list(filter: TransactionFilter): Promise<TransactionListing[]> {
    return this.#retrying("listTransactions", async () => {
      await this.#cluster.refresh();
      const { brokers } = this.#cluster.metadata;
      return (await Promise.all(brokers.map(({ nodeId }) => this.#listOf(nodeId, filter)))).flat();
    });
  }

  async #listOf(coordinator: number, filter: TransactionFilter): Promise<TransactionListing[]> {
    const { states = [], producerIds = [], longerThanMs, pattern } = filter;
    const neededVersion = pattern !== undefined ? PATTERN_VERSION : longerThanMs !== undefined ? DURATION_VERSION : 0;
    if ((await this.#lane.connect(coordinator)).versionOf(listTransactions) < neededVersion) {
      throw wireError("UNSUPPORTED_VERSION", `listTransactions: broker ${coordinator} does not know this filter`);
    }
    const response = await this.#lane.request(coordinator, listTransactions, {
      stateFilters: states,
      producerIdFilters: producerIds,
      durationFilter: longerThanMs ?? NONE,
      transactionalIdPattern: pattern ?? null,
    });
    check(response.errorCode, "listTransactions");
    const [unknown] = response.unknownStateFilters;
    if (unknown !== undefined) {
      throw new OncillaError("INVALID_ARGUMENT", `listTransactions: no transaction is ever in state "${unknown}"`);
    }
    return response.transactionStates.map(({ transactionalId, producerId, transactionState: state }) => {
      return { transactionalId, producerId, state, coordinator };
    });
  }

  /** Ids that are not known are left out. */
  async describe(transactionalIds: readonly string[]): Promise<TransactionDescription[]> {
    const described = await Promise.all(transactionalIds.map((id) => this.#describeOne(id)));
    return described.filter((each) => each !== undefined);
  }

  #describeOne(transactionalId: string): Promise<TransactionDescription | undefined> {
    const link = new CoordinatorLink(this.#cluster, this.#lane, "transaction", transactionalId);
    const what = `describing transactional id ${transactionalId}`;
    return this.#retrying(what, async () => {
      const response = await link.request(describeTransactions, { transactionalIds: [transactionalId] });
      const found = response.transactionStates[0];
      if (!found) throw new OncillaError("UNKNOWN_SERVER_ERROR", `${what}: the broker said nothing about it`);
      const error = errorName(found.errorCode);
      if (error === "TRANSACTIONAL_ID_NOT_FOUND") return undefined;
      link.noteError(error);
      check(found.errorCode, what);
      return {
        transactionalId,
        state: found.transactionState,
        producerId: found.producerId,
        producerEpoch: found.producerEpoch,
        timeoutMs: found.transactionTimeoutMs,
        startedAt: found.transactionStartTimeMs < 0 ? null : found.transactionStartTimeMs,
        partitions: found.topics.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      };
    });
  }

  producersOf(partitions: readonly TopicPartition[]): Promise<PartitionProducer[]> {
    return this.#retrying("describeProducers", () => this.#findProducers(partitions));
  }

  async #findProducers(partitions: readonly TopicPartition[]): Promise<PartitionProducer[]> {
    const answers = await askLeaders(this.#cluster, partitions, (nodeId, asked) => this.#askProducers(nodeId, asked));
    return answers.flatMap((result) => {
      const { topic, partition } = result.query;
      if (result.error !== "NONE") throw leaderError(`producers of ${topic}-${partition}`, result.error);
      return result.answer.map((producer) => describedProducer(result.query, producer));
    });
  }

  async #askProducers<Q extends TopicPartition>(
    nodeId: number,
    asked: readonly Q[],
  ): Promise<LeaderAnswer<Q, readonly DescribedProducer[]>[]> {
    const topics = groupByTopic(asked).map(({ topic, items }) => ({
      name: topic,
      partitionIndexes: items.map(({ partition }) => partition),
    }));
    const response = await this.#lane.request(nodeId, describeProducers, { topics });
    const results = response.topics.flatMap(({ name, partitions }) => partitions.map((each) => ({ name, ...each })));
    return asked.map((query) => {
      const result = results.find((each) => each.name === query.topic && each.partitionIndex === query.partition);
      const error = result ? errorName(result.errorCode) : "DISCONNECTED";
      return error === "NONE" ? { query, error, answer: result?.activeProducers ?? [] } : { query, error };
    });
  }

  /** Writes the marker that the partition is waiting for, if it still is: where the answer to the last attempt was lost, the marker may be
   * there, and in the classic protocol the producer's next transaction has the same epoch. */
  async abort(transaction: TransactionToAbort): Promise<void> {
    const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = transaction;
    const what = `aborting the transaction of producer ${producerId} in ${topic}-${partition}`;
    await this.#retrying(what, async () => {
      const producers = await this.#findProducers([{ topic, partition }]);
      if (!producers.some((each) => isOpen(each) && isSameTransaction(each, transaction))) return;
      const [answer] = await askLeaders(this.#cluster, [{ topic, partition }], async (nodeId, [query]) => {
        const response = await this.#lane.request(nodeId, writeTxnMarkers, {
          markers: [
            {
              producerId,
              producerEpoch,
              coordinatorEpoch: Math.max(0, coordinatorEpoch),
              transactionResult: false,
              topics: [{ name: topic, partitionIndexes: [partition] }],
            },
          ],
        });
        const code = response.markers[0]?.topics[0]?.partitions[0]?.errorCode ?? -1;
        const error = errorName(code);
        const asked = query ?? { topic, partition };
        return [error === "NONE" ? { query: asked, error, answer: undefined } : { query: asked, error }];
      });
      if (answer?.error !== "NONE") throw leaderError(what, answer?.error ?? "DISCONNECTED");
    });
  }
}

function describedProducer({ topic, partition }: TopicPartition, producer: DescribedProducer): PartitionProducer {
  const { producerId, producerEpoch, lastSequence, lastTimestamp, coordinatorEpoch, currentTxnStartOffset } = producer;
  return {
    topic,
    partition,
    producerId,
    producerEpoch,
    lastSequence,
    lastTimestamp,
    coordinatorEpoch,
    transactionStartOffset: currentTxnStartOffset < 0 ? null : currentTxnStartOffset,
  };
}

function check(code: number, what: string): void {
  const error = errorName(code);
  if (error !== "NONE") throw wireError(error, what);
}
