/** Both brokers, with equal settings. */
import { Broker } from "../../../src/broker/index.ts";
import { RawSession } from "../../support/raw-session.ts";
import { until } from "../../support/until.ts";
import { startApacheKafka } from "../apache-kafka.ts";
import { freePort } from "../toolchain.ts";
import type { Brokers } from "./compare.ts";

const INTERNAL_PARTITIONS = 4;
const MIN_SESSION_MS = 100;

const apacheSettings: Readonly<Record<string, string>> = {
  "offsets.topic.num.partitions": String(INTERNAL_PARTITIONS),
  "transaction.state.log.num.partitions": String(INTERNAL_PARTITIONS),
  "group.min.session.timeout.ms": String(MIN_SESSION_MS),
  // Ours aborts when the timeout is over; Apache Kafka looks every ten seconds by default.
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
};

/** `apache`: the address of one that runs already. */
export async function startBrokers(apache: string | undefined): Promise<Brokers & { stop(): Promise<void> }> {
  const kafka =
    apache === undefined
      ? await startApacheKafka({
          port: await freePort(),
          heap: "512M",
          overrides: apacheSettings,
          // It says loudly what it refuses, which is what the scripts are about.
          onLog: () => {},
        })
      : undefined;
  const broker = await Broker.start({
    offsetsTopicPartitions: INTERNAL_PARTITIONS,
    transactionTopicPartitions: INTERNAL_PARTITIONS,
    groupMinSessionTimeoutMs: MIN_SESSION_MS,
  });
  const addresses = { oncilla: broker.address, apache: apache ?? kafka?.bootstrap ?? "" };
  // Apache Kafka's first producer id is 0, which is also what its answers hold where there is none.
  const session = await RawSession.open(addresses.apache);
  await until(async () => (await session.initProducer(null)).error === "NONE");
  session.close();
  return {
    ...addresses,
    async stop() {
      await broker.stop();
      await kafka?.stop();
    },
  };
}
