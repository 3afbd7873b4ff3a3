/** A broker that may open no more files: connections have taken all that there were. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { oncillaWithFiles, type RunningCommand } from "./support/command.ts";
import { RawSession } from "./support/raw-session.ts";
import { until } from "./support/until.ts";

const LIMIT = 64;
const SEGMENT_BYTES = 1024 * 1024;
const VALUE = "x".repeat(100_000);

let folder: string;
let broker: RunningCommand;
const sockets: Socket[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-files-"));
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  broker.kill("SIGKILL");
  await broker.outcome;
  rmSync(folder, { recursive: true, force: true });
});

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

  const [host = "", port] = address.split(":");
  let cut = 0;
  for (let i = 0; i < LIMIT; i++) {
    const socket = connect({ host, port: Number(port) });
    socket.on("error", () => {});
    socket.once("close", () => cut++);
    sockets.push(socket);
  }
  await until(() => cut > 0);
  while ((await write()) === "NONE") expect(acknowledged).toBeLessThan(20);
  expect(acknowledged).toBe(10);
  expect(await write()).toBe("KAFKA_STORAGE_ERROR");
  expect((await session.fetch(topic, { maxBytes: 10 * SEGMENT_BYTES })).records).toHaveLength(acknowledged);
  expect(broker.stderr()).toContain("appends refused: the process has too many files open");

  for (const socket of sockets) socket.destroy();
  await until(async () => (await write()) === "NONE");
  for (let i = 0; i < 20; i++) expect(await write()).toBe("NONE");
  expect(broker.stderr()).not.toContain("offline");
  session.close();
});
