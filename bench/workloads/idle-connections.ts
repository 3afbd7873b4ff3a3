/** A producer beside 1,000 connections that do nothing. */
import { connect, type Socket } from "node:net";
import { apiVersions } from "../../src/protocol/apis/api-versions.ts";
import { encodeRequest } from "../../src/protocol/frame.ts";
import type { Side } from "../harness/sides.ts";
import { cpuPerGib, peakMemory, type Workload } from "../harness/workload.ts";
import { produceOnce, produceThroughput } from "./produce.ts";
import { kibibyte } from "./records.ts";

const CONNECTIONS = 1000;
const connections = new Map<Side, Socket[]>();

export const idleConnectionsWorkloads: readonly Workload[] = [
  {
    name: "produce java 1KiB 1p, 1,000 idle connections",
    durabilities: ["os"],
    metrics: [produceThroughput, cpuPerGib, peakMemory],
    async prepare(_tools, side) {
      connections.set(side, await Promise.all(Array.from({ length: CONNECTIONS }, () => greet(side.bootstrap))));
    },
    run: (tools, side, durability) =>
      produceOnce(tools, side, { client: "java", shape: kibibyte, partitions: 1, durability }),
    async cleanUp(_tools, side) {
      for (const socket of connections.get(side) ?? []) socket.destroy();
      connections.delete(side);
    },
  },
];

/** A connection that has had an answer, as that of a client has. */
function greet(bootstrap: string): Promise<Socket> {
  const [host = "", port] = bootstrap.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => {
      for (const piece of encodeRequest(apiVersions, 0, { correlationId: 1, clientId: "idle" }, {}))
        socket.write(piece);
    });
    socket.once("data", () => resolve(socket.resume()));
    socket.on("error", reject);
    socket.once("close", () => reject(new Error(`${bootstrap} closed an idle connection`)));
  });
}
