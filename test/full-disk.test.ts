/** A disk that is really full: a small one of its own, in memory, that only this test and its brokers see. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { oncillaBeside, type RunningCommand } from "./support/command.ts";
import { RawSession, type RawTopic } from "./support/raw-session.ts";

const SIZE_BYTES = 6 * 1024 * 1024;
const BALLAST_BYTES = 1024 * 1024;
const PADDING = "x".repeat(20_000);

let folder: string;
let holder: ChildProcess | undefined;
let broker: RunningCommand | undefined;
let session: RawSession;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-full-"));
});

afterEach(async () => {
  broker?.kill("SIGKILL");
  await broker?.outcome;
  holder?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Mounts a file system at `folder` that only the process sees which is returned, and that ends with it; a text says why there
 * can be none. */
async function mount(): Promise<ChildProcess | string> {
  if (process.platform !== "linux") return "needs the mount namespaces of Linux";
  const script = `mount -t tmpfs -o size=${SIZE_BYTES} oncilla "$0" && echo mounted && exec cat`;
  const mounting = spawn("unshare", ["--map-root-user", "--mount", "sh", "-c", script, folder]);
  return new Promise((resolve) => {
    let problem = "";
    mounting.stderr.on("data", (chunk: Buffer) => {
      problem += chunk;
    });
    mounting.once("error", (error) => resolve(`needs unshare: ${error.message}`));
    mounting.once("close", () => resolve(`no file system can be mounted here: ${problem.trim()}`));
    mounting.stdout.once("data", () => resolve(mounting));
  });
}

async function startBroker(): Promise<void> {
  broker = oncillaBeside(holder?.pid ?? 0, "broker", "--data-dir", join(folder, "data"), "--port", "0");
  const address = (await broker.firstLine()).split(" ").at(-1) ?? "";
  session = await RawSession.open(address);
}

async function killBroker(): Promise<void> {
  broker?.kill("SIGKILL");
  await broker?.outcome;
  session.close();
}

async function readAll(topic: RawTopic): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const { records, error } = await session.fetch(topic, { offset: values.length });
    expect(error).toBe("NONE");
    if (records.length === 0) return values;
    values.push(...records.map((record) => record.slice(record.indexOf(":") + 1).replace(PADDING, "")));
  }
}

it("a disk that is full refuses writes and serves reads; with room again all goes on, also across kill -9", async (context) => {
  const mounted = await mount();
  if (typeof mounted === "string") {
    console.warn(`skipped: ${mounted}`);
    context.skip(mounted);
    return;
  }
  holder = mounted;
  const ballast = (name: string): string => join(`/proc/${holder?.pid}/root`, folder, name);
  for (const name of ["a", "b"]) writeFileSync(ballast(name), Buffer.alloc(BALLAST_BYTES, 1));
  await startBroker();
  const topic = await session.createTopic("topic", 1, { "segment.bytes": String(1024 * 1024) });
  const producer = await session.initProducer(null);
  let acknowledged = 0;
  const expected = (): string[] => Array.from({ length: acknowledged }, (_, i) => `${i} `);
  const write = async (): Promise<string> => {
    const options = { producer, sequence: acknowledged };
    const { error, baseOffset } = await session.produce(topic, [`${acknowledged} ${PADDING}`], options);
    if (error === "NONE") expect(baseOffset).toBe(acknowledged++);
    return error;
  };
  const writeUntilRefused = async (): Promise<void> => {
    for (;;) {
      const error = await write();
      if (error === "NONE") continue;
      expect(error).toBe("KAFKA_STORAGE_ERROR");
      return;
    }
  };

  await writeUntilRefused();
  const atFirst = acknowledged;
  expect(atFirst).toBeGreaterThan(150);
  expect(await write()).toBe("KAFKA_STORAGE_ERROR");
  expect(await readAll(topic)).toEqual(expected());

  rmSync(ballast("a"));
  await writeUntilRefused();
  expect(acknowledged).toBeGreaterThan(atFirst + 40);
  expect(await readAll(topic)).toEqual(expected());

  await killBroker();
  await startBroker();
  expect(await readAll(topic)).toEqual(expected());
  expect(await write()).toBe("KAFKA_STORAGE_ERROR");

  await killBroker();
  rmSync(ballast("b"));
  await startBroker();
  expect(await write()).toBe("NONE");
  expect(await readAll(topic)).toEqual(expected());
});
