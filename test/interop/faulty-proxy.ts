// A TCP proxy in front of a broker that loses requests and answers where it is told to. Clients stay behind it: it puts
// its own address in the place of the broker's wherever a broker names one.

import { type Connection, NetworkError } from "../../src/platform/network.ts";
import { nodePlatform } from "../../src/platform/node/index.ts";
import { describeCluster } from "../../src/protocol/apis/describe-cluster.ts";
import { findCoordinator } from "../../src/protocol/apis/find-coordinator.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";

export interface FaultyProxy {
  /** What clients bootstrap from. */
  address: string;
  /** Where its faults are set. */
  faults: FaultyNetwork;
  close(): Promise<void>;
}

export async function openFaultyProxy(bootstrap: string): Promise<FaultyProxy> {
  const [host = "", port] = bootstrap.split(":");
  const faults = new FaultyNetwork();
  const open = new Set<Connection>();
  const listener = await nodePlatform.network.listen({ host: "127.0.0.1", port: 0 }, (client) => {
    open.add(client);
    void faults.platform.network.connect({ host, port: Number(port), timeoutMs: 10_000 }).then(
      (broker) => {
        open.add(broker);
        join(client, broker, (connection) => open.delete(connection));
      },
      (error: unknown) => {
        client.destroy();
        if (!(error instanceof NetworkError)) throw error;
      },
    );
  });
  const own = { host: listener.host, port: listener.port };
  faults.rewrite(metadata, (response) => ({
    ...response,
    brokers: response.brokers.map((broker) => ({ ...broker, ...own })),
  }));
  faults.rewrite(describeCluster, (response) => ({
    ...response,
    brokers: response.brokers.map((broker) => ({ ...broker, ...own })),
  }));
  faults.rewrite(findCoordinator, (response) => ({
    ...response,
    ...own,
    coordinators: response.coordinators.map((coordinator) => ({ ...coordinator, ...own })),
  }));
  return {
    address: `${own.host}:${own.port}`,
    faults,
    async close() {
      await listener.close();
      for (const connection of open) connection.destroy();
    },
  };
}

/** What one end sends goes to the other, requests as wholes; when one is gone, so is the other. */
function join(client: Connection, broker: Connection, forget: (connection: Connection) => void): void {
  let received: Buffer = Buffer.alloc(0);
  client.open({
    onData(chunk) {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0);
        broker.write([received.subarray(0, end)]);
        received = received.subarray(end);
      }
    },
    onClose() {
      forget(client);
      broker.destroy();
    },
  });
  broker.open({
    onData: (chunk) => client.write([Buffer.from(chunk)]),
    onClose() {
      forget(broker);
      client.destroy();
    },
  });
}
