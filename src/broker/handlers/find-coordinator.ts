/** FindCoordinator: always this broker, once the partition of the internal topic that keeps the coordinator's state is open. */
import { findCoordinator } from "../../protocol/apis/find-coordinator.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

const GROUP = 0;
const TRANSACTION = 1;

const NOWHERE = { nodeId: -1, host: "", port: -1 };

interface Answer {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** The first version that asks for many keys at once. */
const BATCHED_VERSION = 4;

export function findCoordinatorHandler(services: BrokerServices): Handler<typeof findCoordinator> {
  const { config } = services;
  return {
    api: findCoordinator,
    async handle(request, { apiVersion, peer }, reply) {
      const { host, port } = peer.endpoint;
      const { error, message } = await prepare(services, request.keyType);
      const answerFor = (key: string): Answer => {
        const problem = error === "NONE" ? problemOf(services, request.keyType, key) : error;
        return {
          ...(problem === "NONE" ? { nodeId: config.nodeId, host, port } : NOWHERE),
          errorCode: errorCodes[problem],
          errorMessage: message,
        };
      };
      if (apiVersion < BATCHED_VERSION) reply({ throttleTimeMs: 0, ...answerFor(request.key) });
      else
        reply({ throttleTimeMs: 0, coordinators: request.coordinatorKeys.map((key) => ({ key, ...answerFor(key) })) });
    },
  };
}

/** The partition that keeps the coordinator's state may not be open. */
function problemOf({ groups, transactions }: BrokerServices, keyType: number, key: string): ErrorName {
  const shard = keyType === GROUP ? groups.shardFor(key) : transactions.shardFor(key);
  return typeof shard === "string" ? shard : "NONE";
}

async function prepare(
  { topics, image }: BrokerServices,
  keyType: number,
): Promise<{ readonly error: ErrorName; readonly message: string | null }> {
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    return { error: "INVALID_REQUEST", message: `There is no coordinator for keys of type ${keyType}.` };
  }
  const name = keyType === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
  if (image.topic(name)) return { error: "NONE", message: null };
  const outcome = await topics.ensure(name);
  return outcome.ok
    ? { error: "NONE", message: null }
    : { error: "COORDINATOR_NOT_AVAILABLE", message: outcome.message };
}
