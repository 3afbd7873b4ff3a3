/** Both brokers, with equal settings. */
import { Broker, type BrokerOptions } from "../../../src/broker/index.ts";
import { describeGroups } from "../../../src/protocol/apis/describe-groups.ts";
import { describeTransactions } from "../../../src/protocol/apis/describe-transactions.ts";
import { findCoordinator } from "../../../src/protocol/apis/find-coordinator.ts";
import { errorCodes } from "../../../src/protocol/errors.ts";
import { RawSession } from "../../support/raw-session.ts";
import { until } from "../../support/until.ts";
import { startApacheKafka } from "../apache-kafka.ts";
import { freePort } from "../toolchain.ts";
import type { Brokers } from "./compare.ts";

/** Of __consumer_offsets and __transaction_state. */
export const INTERNAL_PARTITIONS = 4;
const MIN_SESSION_MS = 100;
export const CONSUMER_SESSION_MS = 6_000;
const CONSUMER_HEARTBEAT_MS = 500;
const MAX_GROUP_SIZE = 2;
export const EXPIRATION_MS = 2_000;
/** How often is looked for what has expired. */
export const EXPIRATION_CHECK_MS = 100;

/** The settings of one broker under Apache Kafka's names, and of ours. */
interface Settings {
  readonly apache: Readonly<Record<string, string | number>>;
  readonly oncilla: BrokerOptions;
}

const common: Settings = {
  apache: {
    "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
    "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
    "group.min.session.timeout.ms": MIN_SESSION_MS,
    "group.consumer.min.session.timeout.ms": CONSUMER_SESSION_MS,
    "group.consumer.session.timeout.ms": CONSUMER_SESSION_MS,
    "group.consumer.min.heartbeat.interval.ms": CONSUMER_HEARTBEAT_MS,
    "group.consumer.heartbeat.interval.ms": CONSUMER_HEARTBEAT_MS,
    "group.consumer.assignment.interval.ms": 0,
    "group.streams.assignment.interval.ms": 0,
    "group.streams.initial.rebalance.delay.ms": 0,
    // Ours aborts when the timeout is over; Apache Kafka looks every ten seconds by default.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 100,
    // One after the other: what was sent first, on whatever connection, is taken in first.
    "num.network.threads": 1,
    "num.io.threads": 1,
  },
  oncilla: {
    offsetsTopicPartitions: INTERNAL_PARTITIONS,
    transactionTopicPartitions: INTERNAL_PARTITIONS,
    groupMinSessionTimeoutMs: MIN_SESSION_MS,
    groupConsumerSessionTimeoutMs: CONSUMER_SESSION_MS,
    groupConsumerHeartbeatIntervalMs: CONSUMER_HEARTBEAT_MS,
  },
};

export type BrokersKind = "ordinary" | "with small groups" | "forgetting producers" | "forgetting transactional ids";

const kinds: Readonly<Record<BrokersKind, Settings>> = {
  ordinary: { apache: {}, oncilla: {} },
  "with small groups": {
    apache: { "group.max.size": MAX_GROUP_SIZE, "group.consumer.max.size": MAX_GROUP_SIZE },
    oncilla: { groupMaxSize: MAX_GROUP_SIZE, groupConsumerMaxSize: MAX_GROUP_SIZE },
  },
  "forgetting producers": {
    apache: {
      "producer.id.expiration.ms": EXPIRATION_MS,
      "producer.id.expiration.check.interval.ms": EXPIRATION_CHECK_MS,
    },
    oncilla: { producerIdExpirationMs: EXPIRATION_MS, retentionCheckIntervalMs: EXPIRATION_CHECK_MS },
  },
  "forgetting transactional ids": {
    apache: {
      "transactional.id.expiration.ms": EXPIRATION_MS,
      "transaction.remove.expired.transaction.cleanup.interval.ms": EXPIRATION_CHECK_MS,
    },
    oncilla: { transactionalIdExpirationMs: EXPIRATION_MS },
  },
};

export type RunningBrokers = Brokers & { stop(): Promise<void> };

/** Waits until every coordinator has loaded its part. */
async function untilReady(address: string): Promise<void> {
  const session = await RawSession.open(address);
  // Apache Kafka's first producer id is 0, which is also what its answers hold where there is none.
  await until(async () => (await session.initProducer(null)).error === "NONE");
  // So many that each partition of the internal topics has some of them.
  const ids = Array.from({ length: 16 * INTERNAL_PARTITIONS }, (_, i) => `id-${i}`);
  for (const keyType of [0, 1]) await session.client.send(findCoordinator, 4, { keyType, coordinatorKeys: ids });
  await until(async () => {
    const { groups } = await session.client.send(describeGroups, 5, { groups: ids });
    const { transactionStates } = await session.client.send(describeTransactions, 0, { transactionalIds: ids });
    return (
      groups.every(({ errorCode }) => errorCode === errorCodes.NONE) &&
      transactionStates.every(({ errorCode }) => errorCode === errorCodes.TRANSACTIONAL_ID_NOT_FOUND)
    );
  });
  session.close();
}

/** `apache`: the address of one that runs already. */
export async function startBrokers(kind: BrokersKind, apache: string | undefined): Promise<RunningBrokers> {
  const settings = kinds[kind];
  const kafka =
    apache === undefined
      ? await startApacheKafka({
          port: await freePort(),
          heap: "512M",
          overrides: Object.fromEntries(
            Object.entries({ ...common.apache, ...settings.apache }).map(([name, value]) => [name, String(value)]),
          ),
          // It says loudly what it refuses, which is what the scripts are about.
          onLog: () => {},
        })
      : undefined;
  const broker = await Broker.start({ ...common.oncilla, ...settings.oncilla });
  const addresses = { oncilla: broker.address, apache: apache ?? kafka?.bootstrap ?? "" };
  for (const address of Object.values(addresses)) await untilReady(address);
  return {
    ...addresses,
    async stop() {
      await broker.stop();
      await kafka?.stop();
    },
  };
}
