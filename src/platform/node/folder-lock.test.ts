import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it, type TestContext } from "vitest";
import { lockFolder } from "./folder-lock.ts";

const module = pathToFileURL(join(import.meta.dirname, "folder-lock.ts")).href;
/** Locks the folder that it is given, and says what came of it. */
const script = `
  import { lockFolder } from ${JSON.stringify(module)};
  try {
    lockFolder(process.argv[1]);
    console.log("held");
  } catch (error) {
    console.log(error.code, error.message);
  }`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-lock-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** By a process without root's rights. */
function lockedByAnother(path: string, { skip }: TestContext): string {
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const run = (text: string): string => {
    const args = ["--input-type=module", "-e", text, path];
    return spawnSync(process.execPath, args, { ...user, cwd: "/", encoding: "utf8" }).stdout ?? "";
  };
  const sees = run(`await import(${JSON.stringify(module)}); console.log("here")`);
  if (sees !== "here\n") skip("there is no other user that can run this code");
  return run(script);
}

it("nothing is written: the file stays empty, and alone", () => {
  const lock = lockFolder(folder);
  lock.release();
  expect(readdirSync(folder)).toEqual([".lock"]);
  expect(statSync(join(folder, ".lock")).size).toBe(0);
});

it("a file that cannot be written is no lock: SQLite would open it for reading, and share it", (context) => {
  writeFileSync(join(folder, ".lock"), "");
  chmodSync(join(folder, ".lock"), 0o444);
  chmodSync(folder, 0o777);
  expect(lockedByAnother(folder, context)).toMatch(/^LOCK_FAILED .*\.lock: EACCES: permission denied/);
});

it("a folder that nothing can be made in says why", (context) => {
  chmodSync(folder, 0o555);
  expect(lockedByAnother(folder, context)).toMatch(/^LOCK_FAILED .*\.lock: EACCES: permission denied/);
});
