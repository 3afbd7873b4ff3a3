import { type AddressInfo, createServer } from "node:net";
import { expect, it } from "vitest";
import { nodeNetwork } from "./network.ts";

it("a timeout beyond what Node's timers take is a long one", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const connecting = nodeNetwork.connect({ host: "127.0.0.1", port, timeoutMs: 2 ** 31 });
  // A timer that is due comes before the connection.
  const begun = performance.now();
  while (performance.now() - begun < 5);
  const connection = await connecting;
  expect(connection.remoteAddress).toBe(`127.0.0.1:${port}`);
  connection.destroy();
  server.close();
});

it("gives an attempt to connect up when it is told to, before or meanwhile", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ending = new AbortController();
  const options = { host: "127.0.0.1", port, timeoutMs: 60_000, signal: ending.signal };
  const connecting = nodeNetwork.connect(options);
  ending.abort();
  await expect(connecting).rejects.toMatchObject({ name: "NetworkError", code: "ABORTED" });
  await expect(nodeNetwork.connect(options)).rejects.toMatchObject({ code: "ABORTED" });
  // Neither holds the process, or the server, up.
  await new Promise((resolve) => server.close(resolve));
});
