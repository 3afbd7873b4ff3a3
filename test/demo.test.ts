/** `oncilla demo` when it cannot do what it is for. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Broker } from "../src/broker/index.ts";
import { runDemo } from "../src/cli/demo/run.ts";
import { until } from "./support/until.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
const folder = mkdtempSync(join(tmpdir(), "oncilla-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Its files are in a folder of their own: it leaves none behind. */
function demo(name: string, ...args: string[]) {
  const ownFolder = join(folder, name);
  mkdirSync(ownFolder);
  const env = { ...process.env, TMPDIR: ownFolder };
  const child = spawn(process.execPath, [main, "demo", ...args], { stdio: ["pipe", "pipe", "pipe"], env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  const ended = new Promise<{ readonly code: number | null; readonly output: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, output })),
  );
  return { child, ended, left: () => readdirSync(ownFolder).filter((name) => name.startsWith("oncilla-demo")) };
}

describe.concurrent("oncilla demo", { timeout: 60_000 }, () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends it while it waits for standard input, with the exit code %d", async (signal, code) => {
    const { child, ended, left } = demo(`waiting-${signal}`, "-");
    await until(() => left().length > 0);
    await until(() => readdirSync(join(folder, `waiting-${signal}`, left()[0] as string)).length > 0);
    child.kill(signal);
    expect(await ended).toEqual({
      code,
      output: "Interrupted: every process that was started has been stopped.\n",
    });
    expect(left()).toEqual([]);
  });

  it("stops everything when nobody reads what it says", async () => {
    const text = join(folder, "long.txt");
    writeFileSync(text, "some words in a line\n".repeat(200_000));
    const { child, ended, left } = demo("unread", text);
    child.stdout.once("data", () => child.stdout.destroy());
    const { code, output } = await ended;
    expect(code).toBe(1);
    expect(output).toMatch(/\noncilla: standard output takes nothing any more: write EPIPE\n$/);
    expect(left()).toEqual([]);
  });

  it("counts any number of files", async () => {
    const many = join(folder, "many");
    mkdirSync(many);
    for (let i = 0; i < 2_000; i++) writeFileSync(join(many, `${i}-${"a".repeat(80)}.txt`), `word ${i}\n`);
    const { ended } = demo("files", "--crashes", "0", many);
    const { code, output } = await ended;
    expect(output).toMatch(/^oncilla demo: 2000 files/);
    expect(code).toBe(0);
  });

  it("gives up when nothing moves any more", async () => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "some words\n");
    const broker = await Broker.start();
    const options = {
      crashes: 0,
      seed: 1,
      guarantee: "exactly_once_v2",
      expectDuplicates: false,
      keep: false,
    } as const;
    const run = runDemo(
      { ...options, brokers: broker.address, paths: [text], patienceMs: 0 },
      new AbortController().signal,
    );
    await expect(run).rejects.toThrow(/^nothing has moved for 0 s, with \d of 1 lines written and \d rows sunk$/);
    await broker.stop();
  });
});
