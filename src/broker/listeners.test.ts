import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawClient } from "../../test/support/raw-client.ts";
import { describeCluster } from "../protocol/apis/describe-cluster.ts";
import { describeConfigs } from "../protocol/apis/describe-configs.ts";
import { findCoordinator } from "../protocol/apis/find-coordinator.ts";
import { metadata } from "../protocol/apis/metadata.ts";
import { Broker } from "./broker.ts";
import { BrokerError } from "./broker-error.ts";

const OUTSIDE = { host: "broker.example", port: 9093 };

describe("several listeners", () => {
  let broker: Broker;
  let clients: { readonly inside: RawClient; readonly outside: RawClient };
  let ports: { readonly inside: number; readonly outside: number };

  beforeAll(async () => {
    ports = { inside: await freePort(), outside: await freePort() };
    broker = await Broker.start({
      listeners: [
        { name: "INSIDE", port: ports.inside },
        { name: "OUTSIDE", port: ports.outside, advertisedHost: OUTSIDE.host, advertisedPort: OUTSIDE.port },
      ],
    });
    clients = {
      inside: await RawClient.connect(`127.0.0.1:${ports.inside}`),
      outside: await RawClient.connect(`127.0.0.1:${ports.outside}`),
    };
  });

  afterAll(async () => {
    clients.inside.close();
    clients.outside.close();
    await broker.stop();
  });

  const told = (side: "inside" | "outside"): unknown =>
    side === "outside" ? OUTSIDE : { host: "127.0.0.1", port: ports.inside };

  it.each(["inside", "outside"] as const)("who comes from %s is told the address of that side", async (side) => {
    const client = clients[side];
    const { brokers } = await client.send(metadata, 12, { topics: [] });
    expect(brokers).toMatchObject([told(side)]);
    const cluster = await client.send(describeCluster, 0, { includeClusterAuthorizedOperations: false });
    expect(cluster.brokers).toMatchObject([told(side)]);
    const { coordinators } = await client.send(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["group"] });
    expect(coordinators).toMatchObject([told(side)]);
    expect(await client.send(findCoordinator, 1, { key: "group", keyType: 0 })).toMatchObject(told(side) as object);
  });

  it("are shown under Kafka's names", async () => {
    const names = ["listeners", "advertised.listeners", "listener.security.protocol.map"];
    const { results } = await clients.inside.send(describeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: "1", configurationKeys: names }],
      includeSynonyms: false,
    });
    const values = new Map(results[0]?.configs.map(({ name, value }) => [name, value]));
    const { inside, outside } = ports;
    expect(values.get("listeners")).toBe(`INSIDE://127.0.0.1:${inside},OUTSIDE://127.0.0.1:${outside}`);
    expect(values.get("advertised.listeners")).toBe(`INSIDE://127.0.0.1:${inside},OUTSIDE://broker.example:9093`);
    expect(values.get("listener.security.protocol.map")).toBe("INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT");
  });

  it("all or none are open: where one cannot be had, the others are free again", async () => {
    const free = await freePort();
    const listeners = [
      { name: "A", port: free },
      { name: "B", port: ports.inside },
    ];
    const problem = await Broker.start({ listeners }).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(BrokerError);
    expect((problem as BrokerError).message).toBe(`127.0.0.1:${ports.inside} is in use by another program`);
    const again = await Broker.start({ port: free });
    await again.stop();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address === "string" || !address) throw new Error("no port");
  return address.port;
}
