/** A broker that may open no more files: connections have taken all that there were. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { oncillaWithFiles, type RunningCommand } from "./support/command.ts";
import { RawSession } from "./support/raw-session.ts";
import { until } from "./support/until.ts";

const LIMIT = 64;
const SEGMENT_BYTES = 1024 * 1024;
const VALUE = "x".repeat(100_000);
/** How often what could not be opened is opened again. */
const MAINTENANCE_MS = "100";
/** Of connections in a row. */
const REFUSALS = 10;
const BETWEEN_MS = 10;
const CUT_WITHIN_MS = 20;

let folder: string;
let broker: RunningCommand;
const sockets: Socket[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-files-"));
});

afterEach(async () => {
  giveDescriptors();
  broker.kill("SIGKILL");
  await broker.outcome;
  rmSync(folder, { recursive: true, force: true });
});

/**
 * With connections, until the broker cannot take another one. What it still saves behind its last answer gives descriptors
 * back in a moment: so it is asked some times.
 */
async function takeDescriptors(address: string): Promise<void> {
  for (let refused = 0; refused < REFUSALS; await setTimeout(BETWEEN_MS)) {
    refused = (await isTaken(address)) ? 0 : refused + 1;
  }
}

async function isTaken(address: string): Promise<boolean> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port) });
  sockets.push(socket);
  socket.on("error", () => {});
  const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(false)));
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return Promise.race([closed, setTimeout(CUT_WITHIN_MS, true)]);
}

function giveDescriptors(): void {
  for (const socket of sockets.splice(0)) socket.destroy();
}

it("refuses what needs another file, and takes it once there is one; nothing goes offline", async () => {
  broker = oncillaWithFiles(LIMIT, "broker", "--data-dir", folder, "--port", "0");
  const address = (await broker.firstLine()).split(" ").at(-1) ?? "";
  const session = await RawSession.open(address);
  const topic = await session.createTopic("topic", 1, { "segment.bytes": String(SEGMENT_BYTES) });
  const producer = await session.initProducer(null);
  let acknowledged = 0;
  const write = async (): Promise<string> => {
    const { error } = await session.produce(topic, [`${acknowledged} ${VALUE}`], { producer, sequence: acknowledged });
    if (error === "NONE") acknowledged++;
    return error;
  };
  expect(await write()).toBe("NONE");

  await takeDescriptors(address);
  while ((await write()) === "NONE") expect(acknowledged).toBeLessThan(20);
  expect(acknowledged).toBe(10);
  expect(await write()).toBe("KAFKA_STORAGE_ERROR");
  expect((await session.fetch(topic, { maxBytes: 10 * SEGMENT_BYTES })).records).toHaveLength(acknowledged);
  expect(broker.stderr()).toContain("appends refused: the process has too many files open");

  giveDescriptors();
  await until(async () => (await write()) === "NONE");
  for (let i = 0; i < 20; i++) expect(await write()).toBe("NONE");
  expect(broker.stderr()).not.toContain("offline");
  session.close();
});

it("says that it takes no connection", async () => {
  broker = oncillaWithFiles(LIMIT, "broker", "--port", "0");
  await takeDescriptors((await broker.firstLine()).split(" ").at(-1) ?? "");
  await until(() => broker.stderr().includes("no connections are taken"));
  expect(broker.stderr()).toContain("the process has too many files open: new connections end at once");
});

it("brings up the coordinators, whose code could not even be loaded, once there are files again, also across kill -9", async () => {
  const options = ["--offsets-topic-partitions", "1", "--transaction-topic-partitions", "1"];
  const args = ["broker", "--data-dir", folder, "--port", "0", ...options];
  broker = oncillaWithFiles(LIMIT, ...args, "--retention-check-interval-ms", MAINTENANCE_MS);
  const address = (await broker.firstLine()).split(" ").at(-1) ?? "";
  const session = await RawSession.open(address);
  const topic = await session.createTopic("topic");
  await takeDescriptors(address);
  expect(await session.findCoordinator("group", "group")).toBe("COORDINATOR_NOT_AVAILABLE");
  expect(await session.findCoordinator("transaction", "id")).toBe("COORDINATOR_NOT_AVAILABLE");
  const late = await session.createTopic("late");
  expect((await session.produce(late, ["a"])).error).toBe("KAFKA_STORAGE_ERROR");
  expect(broker.stderr()).toContain("coordinators cannot be loaded");

  giveDescriptors();
  await until(async () => (await session.commitOffset("group", topic, 1)) === "NONE");
  await until(async () => (await session.initProducer("id")).error === "NONE");
  await until(async () => (await session.produce(late, ["a"])).error === "NONE");
  session.close();
  broker.kill("SIGKILL");
  await broker.outcome;

  broker = oncillaWithFiles(LIMIT, ...args);
  const again = await RawSession.open((await broker.firstLine()).split(" ").at(-1) ?? "");
  await until(async () => (await again.committedOffset("group", topic)) === 1);
  expect((await again.fetch(late)).records).toEqual(["0:a"]);
  again.close();
});
