import { expect, it } from "vitest";
import { Broker } from "../../broker/index.ts";
import { Client } from "../../client/index.ts";
import { nodePlatform } from "../../platform/node/index.ts";
import { CuttingNetwork } from "./cutting-network.ts";

it("tells a producer without acknowledgements that its records are sent", async () => {
  await using broker = await Broker.start();
  const network = new CuttingNetwork(nodePlatform.network, () => false);
  await using client = new Client({ brokers: broker.address, platform: { ...nodePlatform, network } });
  await client.admin().createTopics([{ topic: "numbers" }]);
  await using producer = client.producer({ acks: 0, deliveryTimeoutMs: 5_000 });
  const sent = await producer.send({ topic: "numbers", value: "1" });
  expect(sent.topic).toBe("numbers");
});
