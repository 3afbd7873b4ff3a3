/** A broker's end, as its clients and its next start see it: processes, signals, a folder on disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, type Producer } from "../src/client/index.ts";
import { oncilla, oncillaWithHangingSyncs, type RunningCommand } from "./support/command.ts";
import { until } from "./support/until.ts";

const PARTITIONS = 4;

let folder: string;
const running = new Set<RunningCommand>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-stop-"));
});

afterEach(async () => {
  for (const broker of running) broker.kill("SIGKILL");
  await Promise.all([...running].map(({ outcome }) => outcome));
  running.clear();
  rmSync(folder, { recursive: true, force: true });
});

interface Broker extends RunningCommand {
  readonly address: string;
  /** The fields of its line "broker started". */
  readonly started: Readonly<Record<string, unknown>>;
}

async function startBroker(port = "0", ...args: string[]): Promise<Broker> {
  const command = oncilla("broker", "--data-dir", folder, "--port", port, "--log-format", "json", ...args);
  running.add(command);
  const address = (await command.firstLine()).split(" ").at(-1) ?? "";
  const lines = command.stderr().trimEnd().split("\n");
  const started = lines.map((line) => JSON.parse(line)).find(({ message }) => message === "broker started");
  return { ...command, address, started };
}

/** Sends numbered values until it is told to stop; keeps what was acknowledged. */
class Load {
  readonly acknowledged: string[] = [];
  readonly #producer: Producer;
  readonly #name: string;
  readonly #work: Promise<void>;
  #isOver = false;

  constructor(client: Client, name: string) {
    this.#name = name;
    this.#producer = client.producer({ lingerMs: 1 });
    this.#work = this.#run();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isOver; i += 100) {
      const values = Array.from({ length: 100 }, (_, k) => `${this.#name}-${i + k}-${"x".repeat(200)}`);
      const sent = values.map((value, k) => this.#producer.send({ topic: "load", partition: k % PARTITIONS, value }));
      for (const [k, outcome] of (await Promise.allSettled(sent)).entries()) {
        if (outcome.status === "fulfilled") this.acknowledged.push(values[k] ?? "");
      }
    }
  }
}

async function valuesIn(client: Client): Promise<string[]> {
  const consumer = client.consumer({ isolationLevel: "read_committed" });
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: "load", partition }));
  consumer.assign(partitions);
  consumer.seekToBeginning(partitions);
  const ends = await client.admin().listOffsets(partitions.map((each) => ({ ...each, spec: "latest" as const })));
  const values: string[] = [];
  const isBehind = async (): Promise<boolean> => {
    const positions = await Promise.all(ends.map((end) => consumer.position(end)));
    return ends.some((end, i) => (positions[i] ?? 0) < end.offset);
  };
  while (await isBehind()) for (const { value } of await consumer.poll({ timeoutMs: 200 })) values.push(String(value));
  await consumer.close();
  return values;
}

describe("SIGTERM under load", () => {
  it("exit 0 in bounded time; nothing acknowledged is lost or doubled, and the next start scans nothing", async () => {
    const first = await startBroker();
    const [, port = ""] = first.address.split(":");
    const client = new Client({ brokers: first.address });
    await client.admin().createTopics([{ topic: "load", partitions: PARTITIONS }]);
    // One that waits in a fetch, and two that wait for each other in a group.
    const waiting = client.consumer({ groupId: "waiting" });
    waiting.subscribe(["nothing-here"]);
    const polled = waiting.poll({ timeoutMs: 20_000 });
    const loads = ["a", "b", "c"].map((name) => new Load(client, name));
    await until(() => loads.every(({ acknowledged }) => acknowledged.length > 500));
    const toldAt = performance.now();
    first.kill("SIGTERM");
    expect((await first.outcome).code).toBe(0);
    expect(performance.now() - toldAt).toBeLessThan(8_000);
    const second = await startBroker(port);
    expect(second.started).toMatchObject({ scannedBytes: 0 });
    expect(second.started.partitions).toBeGreaterThanOrEqual(PARTITIONS);
    const before = loads.map(({ acknowledged }) => acknowledged.length);
    await until(() => loads.every(({ acknowledged }, i) => acknowledged.length > (before[i] ?? 0) + 200));
    await Promise.all(loads.map((load) => load.end()));
    const values = await valuesIn(client);
    const distinct = new Set(values);
    expect(values.length - distinct.size).toBe(0);
    expect(loads.flatMap(({ acknowledged }) => acknowledged).filter((value) => !distinct.has(value))).toEqual([]);
    await waiting.close({ timeoutMs: 1_000 });
    await polled;
    await client.close();
  });

  it.each([
    ["a second signal", [], "it was told to stop at once"],
    ["--stop-timeout-ms", ["--stop-timeout-ms", "50"], "it took longer than 50 ms"],
  ])("%s ends it at once, with exit code 1", async (what, args, reason) => {
    const broker = await startBroker("0", ...args);
    const [host = "", port] = broker.address.split(":");
    // A client that does not end its connection keeps a clean stop for a second.
    const stubborn = await new Promise<Socket>((resolve) => {
      const socket = connect({ host, port: Number(port), allowHalfOpen: true }, () => resolve(socket));
    });
    stubborn.on("error", () => {});
    broker.kill("SIGTERM");
    if (what === "a second signal") {
      await new Promise((resolve) => stubborn.resume().once("end", resolve));
      broker.kill("SIGINT");
    }
    const { code, stderr } = await broker.outcome;
    expect(code).toBe(1);
    expect(stderr).toContain(`the broker did not stop cleanly: ${reason}`);
    stubborn.destroy();
  });
});

it("a --stop-timeout-ms beyond what Node's timers take is a long one", async () => {
  const broker = await startBroker("0", "--stop-timeout-ms", String(2 ** 31));
  broker.kill("SIGTERM");
  expect(await broker.outcome).toMatchObject({ code: 0 });
});

describe("kill -9 under load", () => {
  it("the next start scans what came behind the last roll of each partition, and no more", async () => {
    const segmentBytes = 1024 * 1024;
    const first = await startBroker("0", "--topic-defaults", `segment.bytes=${segmentBytes}`);
    const client = new Client({ brokers: first.address });
    await client.admin().createTopics([{ topic: "load", partitions: PARTITIONS }]);
    const producer = client.producer();
    const value = Buffer.alloc(10_000);
    const sent = Array.from({ length: 2_000 }, (_, i) =>
      producer.send({ topic: "load", partition: i % PARTITIONS, value }),
    );
    await Promise.all(sent);
    first.kill("SIGKILL");
    await first.outcome;
    await client.close({ timeoutMs: 0 }).catch(() => {});
    const second = await startBroker();
    // 5 MB in each partition, of which the active segment is less than 1 MiB.
    expect(second.started.scannedBytes).toBeGreaterThan(0);
    expect(second.started.scannedBytes).toBeLessThan(PARTITIONS * segmentBytes + 100_000);
  });
});

describe("a signal before the broker listens", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends it at once, with exit code 0; the next start finds nothing wrong",
    async (signal) => {
      // However long the start takes: this one would never end.
      const starting = oncillaWithHangingSyncs("broker", "--data-dir", folder, "--port", "0");
      running.add(starting);
      await until(() => starting.stderr().includes("a sync hangs"));
      starting.kill(signal);
      expect(await starting.outcome).toMatchObject({ code: 0, stdout: "" });
      const next = await startBroker();
      next.kill("SIGTERM");
      expect((await next.outcome).code).toBe(0);
    },
  );
});
