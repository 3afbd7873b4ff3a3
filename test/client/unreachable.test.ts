import { spawnSync } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Client, type ClientOptions } from "../../src/client/index.ts";

/** Long enough for an answer on a busy machine, and for several attempts before the client gives up. */
const CONNECT_MS = 200;
const PATIENCE_MS = 1000;

const clients: Client[] = [];
const servers: { readonly server: Server; readonly sockets: Socket[] }[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

function connect(options: ClientOptions): Client {
  const client = new Client({ retryBackoffMs: 10, retryBackoffMaxMs: 50, ...options });
  clients.push(client);
  return client;
}

/** Something that listens, and is no broker. */
async function listen(onData: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", () => onData(socket));
  });
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

/** Nobody listens there: the port was given back. */
async function nobody(): Promise<string> {
  const address = await listen(() => {});
  const last = servers.pop();
  await new Promise((resolve) => last?.server.close(resolve));
  return address;
}

const silence = (): Promise<string> => listen(() => {});
const wrongProtocol = (): Promise<string> => listen((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));

describe.each([
  ["nobody listens", nobody, /no connection to broker: 127\.0\.0\.1:\d+: connect ECONNREFUSED .*check that it runs/],
  ["nobody answers", silence, /broker 127\.0\.0\.1:\d+ did not answer in time/],
  ["something else answers", wrongProtocol, /broker 127\.0\.0\.1:\d+ sent bytes that are not Kafka's protocol/],
] as const)("where %s", (_, address, message) => {
  const told = { code: "TIMEOUT", message: expect.stringMatching(message), cause: { code: "DISCONNECTED" } };

  it("a producer says so in time", async () => {
    const client = connect({ brokers: await address(), connectTimeoutMs: CONNECT_MS });
    const producer = client.producer({ maxBlockMs: PATIENCE_MS, deliveryTimeoutMs: PATIENCE_MS });
    producer.enqueue({ topic: "t", value: "v" });
    await Promise.all([
      expect(producer.flush()).rejects.toMatchObject(told),
      expect(producer.send({ topic: "t", value: "v" })).rejects.toMatchObject(told),
      expect(producer.partitionsFor("t")).rejects.toMatchObject(told),
    ]);
  });

  it("a transactional producer says so in time", async () => {
    const client = connect({ brokers: await address(), connectTimeoutMs: CONNECT_MS });
    const producer = client.producer({ transactionalId: "t", maxBlockMs: PATIENCE_MS });
    await expect(producer.initTransactions()).rejects.toMatchObject({
      code: "TIMEOUT",
      message: expect.stringMatching(message),
    });
  });

  it("a consumer says so where an answer is asked for", async () => {
    const client = connect({ brokers: await address(), connectTimeoutMs: CONNECT_MS });
    const consumer = client.consumer({ groupId: "g", defaultTimeoutMs: PATIENCE_MS });
    consumer.assign([{ topic: "t", partition: 0 }]);
    await Promise.all([
      expect(consumer.endOffsets([{ topic: "t", partition: 0 }])).rejects.toMatchObject(told),
      expect(consumer.commit([{ topic: "t", partition: 0, offset: 1 }])).rejects.toMatchObject(told),
      expect(consumer.position({ topic: "t", partition: 0 })).rejects.toMatchObject({
        code: "TIMEOUT",
        message: expect.stringMatching(message),
      }),
    ]);
  });

  it("a consumer polls nothing at first, and says so later", async () => {
    const client = connect({ brokers: await address(), connectTimeoutMs: CONNECT_MS });
    const consumer = client.consumer({ groupId: "g", defaultTimeoutMs: PATIENCE_MS });
    consumer.subscribe(["t"]);
    expect(await consumer.poll({ timeoutMs: 50 })).toEqual([]);
    await expect(consumer.poll({ timeoutMs: 10_000 })).rejects.toMatchObject(told);
    expect(await consumer.poll({ timeoutMs: 50 })).toEqual([]);
  });

  it("everything can be closed at once, whatever is under way", async () => {
    const client = connect({ brokers: await address(), connectTimeoutMs: 60_000 });
    const producer = client.producer();
    const transactional = client.producer({ transactionalId: "t" });
    const consumer = client.consumer({ groupId: "g" });
    consumer.subscribe(["t"]);
    const calls = [
      producer.send({ topic: "t", value: "v" }),
      transactional.initTransactions(),
      client.admin().listTopics(),
      consumer.endOffsets([{ topic: "t", partition: 0 }]),
    ].map((call) => expect(call).rejects.toMatchObject({ code: "CLOSED" }));
    const polled = consumer.poll({ timeoutMs: 60_000 });
    await client.close({ timeoutMs: 50 });
    await Promise.all(calls);
    expect(await polled).toEqual([]);
  });
});

describe("the process", () => {
  it.each([
    ["never used", ""],
    [
      "busy with all that it can do",
      `
        client.producer();
        client.producer().send({ topic: "t" }).catch(() => {});
        client.producer({ transactionalId: "t" }).initTransactions().catch(() => {});
        client.admin().listTopics().catch(() => {});
        const reader = client.consumer();
        reader.assign([{ topic: "t", partition: 0 }]);
        const member = client.consumer({ groupId: "g" });
        member.subscribe(["t"]);
        await Promise.all([reader.poll({ timeoutMs: 30 }), member.poll({ timeoutMs: 30 })]);
      `,
    ],
  ])("ends by itself once its client is closed that was %s", async (_, code) => {
    const index = new URL("../../src/client/index.ts", import.meta.url).href;
    const script = `
      import { Client } from ${JSON.stringify(index)};
      const client = new Client({ brokers: "${await nobody()}" });
      ${code}
      await client.close({ timeoutMs: 50 });
      setTimeout(() => { console.error("still here"); process.exit(3); }, 10_000).unref();
    `;
    const options = { input: script, encoding: "utf8", timeout: 25_000 } as const;
    const result = spawnSync(process.execPath, ["--input-type=module", "--no-warnings", "-"], options);
    expect(result.stderr).toBe("");
    expect(result.status).toBe(0);
  });
});

it.each([undefined, "", " , ", []])("brokers that are none, as of a variable that is not set: %j", (brokers) => {
  const message = "brokers: give at least one host:port";
  expect(() => new Client({ brokers: brokers as string })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", message }),
  );
});
