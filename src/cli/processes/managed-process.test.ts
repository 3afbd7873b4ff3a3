import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { ManagedProcess } from "./managed-process.ts";

const folder = mkdtempSync(join(tmpdir(), "oncilla-process-"));
afterAll(() => rmSync(folder, { recursive: true }));

function managed(name: string, launch: () => ChildProcess): ManagedProcess {
  return new ManagedProcess(name, folder, launch, { onRestart() {}, onUnexpectedExit() {}, onFatal() {} });
}

function child(script: string): () => ChildProcess {
  return () => spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
}

const ready = 'process.send({ type: "ready" }); setInterval(() => {}, 1_000);';

it("stop tells one that ended well from one that failed on the way, and from one that had to be killed", async () => {
  const scripts = {
    done: 'process.on("SIGTERM", () => process.exit(0));',
    failed: 'process.on("SIGTERM", () => { console.error("the last read failed"); process.exit(1); });',
    forced: 'process.on("SIGTERM", () => {});',
  };
  for (const [ending, script] of Object.entries(scripts)) {
    const one = managed(ending, child(`${script} ${ready}`));
    await one.start();
    expect(await one.stop(ending === "forced" ? 300 : undefined)).toBe(ending);
    expect(one.lastWords()).toBe(ending === "failed" ? ":\n    the last read failed" : "");
  }
});

it("one that is starting is told to stop once it can hear it", async () => {
  const one = managed("early", child(`process.on("SIGTERM", () => process.exit(0)); ${ready}`));
  const started = one.start();
  expect(one.isRunning).toBe(true);
  expect(one.isReady).toBe(false);
  expect(await one.stop()).toBe("done");
  expect(await started).toBe("ready");
});

it("one that starts for long is told to stop all the same", async () => {
  const one = managed("slow", child('process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1_000);'));
  const started = one.start();
  expect(await one.stop()).toBe("done");
  await expect(started).rejects.toThrow("slow did not start (exit code 0)");
});

it("one that cannot be started says why", async () => {
  const one = managed("absent", () => spawn(join(folder, "absent"), { stdio: ["ignore", "pipe", "pipe", "ipc"] }));
  await expect(one.start()).rejects.toThrow(/^absent did not start \(spawn .*ENOENT\)$/);
  expect(one.isRunning).toBe(false);
  expect(await one.stop()).toBe("failed");
});
