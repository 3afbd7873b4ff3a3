/** A broker whose files may not grow to what `segment.bytes` says. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { oncillaWithFileSize, type RunningCommand } from "./support/command.ts";
import { RawSession } from "./support/raw-session.ts";

const LIMIT_BLOCKS = 1024;
const LIMIT_BYTES = LIMIT_BLOCKS * 512;
const VALUE = "x".repeat(100_000);

let folder: string;
let broker: RunningCommand;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-file-size-"));
});

afterEach(async () => {
  await stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<RawSession> {
  broker = oncillaWithFileSize(LIMIT_BLOCKS, "broker", "--data-dir", folder, "--port", "0");
  return RawSession.open((await broker.firstLine()).split(" ").at(-1) ?? "");
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  broker.kill(signal);
  await broker.outcome;
}

it.each(["SIGKILL", "SIGTERM"] as const)(
  "begins a new segment where the file may not grow, also across %s",
  async (signal) => {
    let session = await start();
    const topic = await session.createTopic("topic");
    const producer = await session.initProducer(null);
    for (let i = 0; i < 25; i++) {
      expect((await session.produce(topic, [`${i} ${VALUE}`], { producer, sequence: i })).error).toBe("NONE");
    }
    // More than any file may hold.
    const batch = Array.from({ length: 6 }, () => VALUE);
    for (let i = 0; i < 3; i++) expect((await session.produce(topic, batch)).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await session.produce(topic, [`25 ${VALUE}`], { producer, sequence: 25 })).error).toBe("NONE");
    session.close();

    const logs = readdirSync(join(folder, "topic-0")).filter((name) => name.endsWith(".log"));
    expect(logs).toHaveLength(6);
    for (const name of logs) expect(statSync(join(folder, "topic-0", name)).size).toBeLessThanOrEqual(LIMIT_BYTES);

    await stop(signal);
    session = await start();
    const expected = Array.from({ length: 26 }, (_, i) => `${i}:${i}`);
    const found: string[] = [];
    while (found.length < expected.length) {
      const { records } = await session.fetch(topic, { offset: found.length, maxBytes: LIMIT_BYTES });
      expect(records.length).toBeGreaterThan(0);
      found.push(...records.map((record) => record.split(" ")[0] ?? ""));
    }
    expect(found).toEqual(expected);
    session.close();
  },
);
