/** AddPartitionsToTxn: the classic way to tell the coordinator where a transaction will write. */
import {
  addPartitionsToTxnResponse,
  type PartitionsRequest,
  partitionsRequests,
} from "../../coordinator/transaction/answers.ts";
import { addPartitionsToTxn } from "../../protocol/apis/add-partitions-to-txn.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import { isInternalTopic } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

/** The first version that is for brokers: of older ones only clients ask. */
const BROKERS_VERSION = 4;

export function addPartitionsToTxnHandler(services: BrokerServices): Handler<typeof addPartitionsToTxn> {
  return {
    api: addPartitionsToTxn,
    async handle(request, { apiVersion }, reply) {
      const requests = partitionsRequests(request, apiVersion);
      const results = await Promise.all(
        requests.map(async (each) => ({ request: each, errors: await add(services, each, apiVersion) })),
      );
      reply(addPartitionsToTxnResponse(apiVersion, results));
    },
  };
}

/** All of the partitions are added or none. */
function add(
  { partitions, transactions }: BrokerServices,
  request: PartitionsRequest,
  apiVersion: number,
): Promise<readonly ErrorName[]> {
  const errors = request.partitions.map(({ topic, partition }): ErrorName => {
    if (apiVersion < BROKERS_VERSION && isInternalTopic(topic)) return "TOPIC_AUTHORIZATION_FAILED";
    const found = partitions.find(topic, partition);
    return typeof found === "string" ? found : "NONE";
  });
  if (errors.some((error) => error !== "NONE")) {
    return Promise.resolve(errors.map((error) => (error === "NONE" ? "OPERATION_NOT_ATTEMPTED" : error)));
  }
  return new Promise((resolve) => {
    transactions.request<readonly ErrorName[]>(
      request.transactionalId,
      (machine, now, answer) => machine.addPartitionsToTxn(request, now, answer),
      resolve,
      (error) => request.partitions.map(() => error),
    );
  });
}
