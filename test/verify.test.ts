import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "../src/cli/main.ts");

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
}

const folder = mkdtempSync(join(tmpdir(), "oncilla-verify-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A few seconds of faults. */
function verify(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [main, "verify", "--minutes", "0.04", "--seed", "3", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    // What is broken leaves its folder behind.
    env: { ...process.env, TMPDIR: folder },
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout })));
}

/** For a machine that has much else to do: some seconds otherwise. */
describe.concurrent("oncilla verify", { timeout: 120_000 }, () => {
  it("says of each invariant that it holds, through kills of producers and broker", async () => {
    const { code, stdout } = await verify("--workloads", "idempotent,transactions");
    expect(stdout).toContain("Everything holds.");
    for (const invariant of [
      "validity",
      "integrity",
      "total order",
      "agreement",
      "atomicity",
      "isolation",
      "comes to rest",
    ]) {
      expect(stdout).toMatch(new RegExp(`${invariant} +holds +[1-9]`));
    }
    expect(stdout).toMatch(/SIGKILL/);
    expect(code).toBe(0);
  });

  it("notices a reader that shows what is not committed", async () => {
    const { code, stdout } = await verify("--workloads", "transactions,transactions", "--flaw", "dirty-reads");
    expect(stdout).toMatch(/isolation +BROKEN/);
    expect(stdout).toMatch(/agreement +BROKEN/);
    expect(stdout).toMatch(
      /again: oncilla verify --seed 3 --minutes 0.04 --workloads transactions --flaw dirty-reads$/m,
    );
    expect(stdout).toMatch(/atomicity +holds +[1-9]/);
    expect(code).toBe(1);
  });
});
