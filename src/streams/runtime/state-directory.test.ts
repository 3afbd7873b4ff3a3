import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeDisk } from "../../platform/node/disk.ts";
import { nodeRandom } from "../../platform/node/random.ts";
import { StateDirectory } from "./state-directory.ts";

describe("state directory", () => {
  let folder: string;
  const open = (): StateDirectory => new StateDirectory(folder, "app", nodeDisk, nodeRandom);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "oncilla-state-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("a worker that comes back finds its place, and its name", () => {
    const first = open().takePlace();
    const second = open().takePlace();
    expect(second.id).not.toBe(first.id);
    first.release();
    const again = open().takePlace();
    expect(again.id).toBe(first.id);
    again.release();
    second.release();
  });

  it("a name that a crash cut off is replaced", () => {
    const first = open().takePlace();
    first.release();
    writeFileSync(join(folder, "app/workers/0/id"), first.id.slice(0, 5));
    const again = open().takePlace();
    expect(again.id).toMatch(/^[0-9a-f]{32}$/);
    again.release();
  });

  it("a task's folder belongs to one worker at a time", () => {
    const id = { subtopology: 1, partition: 3 };
    const held = open().takeTask(id);
    expect(held?.path).toBe(`${folder}/app/1_3`);
    expect(open().takeTask(id)).toBeUndefined();
    held?.release();
    const taken = open().takeTask(id);
    expect(taken).toBeDefined();
    taken?.release();
    expect(open().localTasks()).toEqual([id]);
  });

  it("knows no local tasks before there are any", () => {
    expect(open().localTasks()).toEqual([]);
  });
});
