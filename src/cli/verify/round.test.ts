import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Broker } from "../../broker/index.ts";
import { Client } from "../../client/index.ts";
import { launchChild } from "../processes/launch.ts";
import { Round } from "./round.ts";
import { Verdict } from "./verdict.ts";

/** Fails at what it does when it is told to stop. */
function failing(): ChildProcess {
  const script =
    'process.on("SIGTERM", () => { console.error("the last read failed"); process.exit(1); });' +
    'process.send({ type: "ready" }); setInterval(() => {}, 1_000);';
  return spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
}

it("a watcher whose last read fails proves nothing, and that is a violation", async () => {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-round-"));
  await using broker = await Broker.start();
  await using client = new Client({ brokers: broker.address });
  const verdict = new Verdict();
  const round = new Round({
    seed: 1,
    prefix: "round-",
    folder,
    brokers: broker.address,
    client,
    broker: undefined,
    workloads: ["idempotent"],
    flaw: undefined,
    // Too short for a fault.
    durationMs: 150,
    launch: (config) => (config.name === "watcher" ? failing() : launchChild("verify/child", config)),
    note: () => {},
  });
  await round.run(verdict, new AbortController().signal);
  await round.cleanUp({ keepTopics: true });
  rmSync(folder, { recursive: true });
  const broken = Object.fromEntries(verdict.findings.map(({ name, violations }) => [name, violations]));
  expect(broken["comes to rest"]).toContain("watcher failed when told to stop:\n    the last read failed");
  expect(broken.validity?.join("\n")).toMatch(/no reader \(read_committed\) got to the end of round-plain-0, [1-9]/);
  expect(verdict.findings.find(({ name }) => name === "validity")?.examined).toBe(0);
  expect(verdict.isClean).toBe(false);
});
