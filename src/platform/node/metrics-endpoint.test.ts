import { Server } from "node:net";
import { expect, it, vi } from "vitest";
import { nodeMetricsEndpoint } from "./metrics-endpoint.ts";

it("goes on, however many connections cannot be taken", async () => {
  const listen = vi.spyOn(Server.prototype, "listen");
  const endpoint = await nodeMetricsEndpoint.listen({ host: "127.0.0.1", port: 0 }, () => []);
  const server = listen.mock.contexts[0] as Server;
  listen.mockRestore();
  for (let i = 0; i < 3; i++) server.emit("error", new Error("accept EMFILE"));
  expect((await fetch(`http://127.0.0.1:${endpoint.port}/metrics`)).status).toBe(200);
  await endpoint.close();
});
