import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { brokerOptionNames } from "../src/broker/options.ts";
import { type Outcome, oncilla, oncillaOnOldNode } from "./support/command.ts";

describe("command line", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "oncilla-cli-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function expectOneClearLine({ code, stderr }: Outcome, text: string | RegExp): void {
    expect(stderr).toMatch(text);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(code).not.toBe(0);
  }

  it("--help names every command", async () => {
    const { code, stdout } = await oncilla("--help").outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/broker/);
    expect(stdout).toMatch(/demo/);
    expect(stdout).toMatch(/verify/);
    expect(stdout).toMatch(/txn/);
  });

  it("--version tells the package's version", async () => {
    const { code, stdout } = await oncilla("--version").outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("a Node that is too old is told so in one clear line", async () => {
    expectOneClearLine(await oncillaOnOldNode("broker").outcome, /^oncilla: Node \d+\S+ has no node:sqlite: .* 22\.19/);
  });

  it("verify: an unknown workload is one clear line", async () => {
    expectOneClearLine(await oncilla("verify", "--workloads", "tea").outcome, /There is no workload "tea"/);
  });

  it("txn: an id that is no number is refused", async () => {
    for (const ids of ["one", "1,", "0x1"])
      expectOneClearLine(await oncilla("txn", "list", "--producer-id", ids).outcome, /--producer-id.*whole numbers/);
  });

  it("demo: a missing file is one clear line", async () => {
    expectOneClearLine(await oncilla("demo", join(folder, "absent.txt")).outcome, /absent\.txt: no such file/);
  });

  it.runIf(existsSync("/proc/self/mem"))("demo: a file that cannot be read is one clear line", async () => {
    expectOneClearLine(await oncilla("demo", "/proc/self/mem").outcome, /\/proc\/self\/mem: EIO/);
  });

  it("demo: duplicates are expected at least once only", async () => {
    expectOneClearLine(await oncilla("demo", "--expect-duplicates").outcome, /goes with --guarantee at_least_once/);
  });

  it.each(["demo", "verify", "txn list"])("%s: an address that is none is one clear line", async (command) => {
    expectOneClearLine(await oncilla(...command.split(" "), "--brokers", "foo:bar").outcome, /^oncilla: .*foo:bar/);
  });

  it("demo: an unreachable broker is one clear line", async () => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "some words\n");
    const port = await freePort();
    expectOneClearLine(
      await oncilla("demo", "--brokers", `127.0.0.1:${port}`, text).outcome,
      new RegExp(`127.0.0.1:${port}`),
    );
  });

  it("demo: a number of crashes that is none is refused", async () => {
    expectOneClearLine(await oncilla("demo", "--crashes", "many").outcome, /--crashes/);
  });

  it("broker: a port in use is one clear line", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    expectOneClearLine(
      await oncilla("broker", "--data-dir", folder, "--port", String(port)).outcome,
      new RegExp(`${port}.*in use`),
    );
    server.close();
  });

  it("broker: a data folder in use by another broker is one clear line; SIGTERM stops a broker with exit code 0", async () => {
    const first = oncilla("broker", "--data-dir", folder, "--port", "0");
    expect(await first.firstLine()).toMatch(/^oncilla broker listening on 127\.0\.0\.1:\d+$/);
    expectOneClearLine(await oncilla("broker", "--data-dir", folder, "--port", "0").outcome, /in use by another/);
    first.kill("SIGTERM");
    expect((await first.outcome).code).toBe(0);
  });

  it("broker: an empty data folder, as of a variable that is not set, is refused", async () => {
    expectOneClearLine(await oncilla("broker", "--data-dir", "", "--port", "0").outcome, /"dataDir" must be a text/);
  });

  it("broker: every option of Broker.start has a flag of its name", async () => {
    const { stdout } = await oncilla("broker", "--help").outcome;
    const flags = new Set(stdout.match(/(?<=^ +--(?:no-)?)(?!no-)[a-z-]+/gm));
    const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const options = brokerOptionNames.filter((name) => name !== "platform" && name !== "logger").map(kebab);
    expect([...flags].sort()).toEqual(
      [...options, "advertised-listeners", "log-format", "log-level", "stop-timeout-ms"].sort(),
    );
  });

  it("broker: several listeners, in Kafka's notation", async () => {
    const listeners = ["--listeners", "IN://127.0.0.1:0,OUT://[::1]:0"];
    const broker = oncilla("broker", ...listeners, "--advertised-listeners", "OUT://broker.example:9093");
    expect(await broker.firstLine()).toMatch(/^oncilla broker listening on 127\.0\.0\.1:\d+,broker\.example:9093$/);
    broker.kill("SIGTERM");
    expect((await broker.outcome).code).toBe(0);
    for (const [args, complaint] of [
      [[...listeners, "--port", "0"], /'--listeners.*cannot be used with option '--port/],
      [[...listeners, "--advertised-listeners", "UP://a:1"], /no listener UP/],
      [["--advertised-listeners", "UP://a:1"], /goes with --listeners/],
      [["--listeners", "localhost:9092"], /NAME:\/\/host:port/],
    ] as const) {
      expectOneClearLine(await oncilla("broker", ...args).outcome, complaint);
    }
  });

  it("an unknown command or option is refused", async () => {
    expect((await oncilla("brew").outcome).code).not.toBe(0);
    expectOneClearLine(await oncilla("broker", "--data-folder", folder).outcome, /unknown option '--data-folder'/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
