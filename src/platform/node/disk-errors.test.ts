// Errors of the system that Node has no name for.

import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nodeDisk } from "./disk.ts";

/** As Node throws it: which of both it is depends on the call. */
const unnamed = {
  write: { code: "UNKNOWN", message: "UNKNOWN: unknown error, write" },
  writev: {
    code: `Unknown system error -${constants.errno.EDQUOT}`,
    message: `Unknown system error -${constants.errno.EDQUOT}: Unknown system error -${constants.errno.EDQUOT}, writev`,
  },
} as const;

vi.mock(import("node:fs"), async (original) => {
  const fail = (call: keyof typeof unnamed) => (): never => {
    const { code, message } = unnamed[call];
    throw Object.assign(new Error(message), { code, errno: -constants.errno.EDQUOT });
  };
  return { ...(await original()), writeSync: fail("write") as never, writevSync: fail("writev") as never };
});

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-errors-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("a quota that is used up has its name", () => {
  it.each([
    ["one piece", 1],
    ["many", 2],
  ])("in a write of %s", (_what, pieces) => {
    const file = nodeDisk.open(join(folder, "log"), { create: true });
    const write = (): void => file.write(new Array(pieces).fill(Buffer.from("x")), 0);
    expect(write).toThrow(expect.objectContaining({ code: "EDQUOT", message: expect.stringContaining("EDQUOT") }));
    file.close();
  });
});
