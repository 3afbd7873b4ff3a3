import { beforeEach, describe, expect, it } from "vitest";
import type { DiskFile } from "./disk.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { seededRandom } from "./seeded-random.ts";

const SEEDS = 200;

function textOf(disk: MemoryDisk, path: string): string | undefined {
  return disk.exists(path) ? Buffer.from(disk.readFile(path)).toString("latin1") : undefined;
}

/** What `path` may hold after a crash, by all seeds, each once. */
function remainsOf(disk: MemoryDisk, path: string): Set<string | undefined> {
  const found = new Set<string | undefined>();
  for (let seed = 0; seed < SEEDS; seed++) found.add(textOf(disk.afterCrash(seededRandom(seed)), path));
  return found;
}

/** Parts those texts that differ from `full` in one bit from the others. */
function withoutFlips(
  texts: Set<string | undefined>,
  full: string,
): { rest: Set<string | undefined>; flips: string[] } {
  const flips = [...texts].filter((text) => text !== undefined && isOneBitOff(text, full)) as string[];
  return { rest: new Set([...texts].filter((text) => !flips.includes(text ?? ""))), flips };
}

function isOneBitOff(a: string, b: string): boolean {
  const bits = [...a].map((char, i) => (char.charCodeAt(0) ^ b.charCodeAt(i)).toString(2).replaceAll("0", "").length);
  return a.length === b.length && bits.reduce((sum, count) => sum + count, 0) === 1;
}

async function diskWith(text: string): Promise<{ disk: MemoryDisk; file: DiskFile }> {
  const disk = new MemoryDisk({ canCrash: true });
  const file = disk.open("file", { create: true });
  file.write([Buffer.from(text)], 0);
  await file.sync();
  await disk.syncFolder("");
  return { disk, file };
}

describe("a crash of a file", () => {
  it("leaves what was synced", async () => {
    const { disk } = await diskWith("abc");
    expect(remainsOf(disk, "file")).toEqual(new Set(["abc"]));
  });

  it("may cut what was written since at any byte, or leave zeros", async () => {
    const { disk, file } = await diskWith("abc");
    file.write([Buffer.from("de"), Buffer.from("f")], 3);
    const { rest: remains } = withoutFlips(remainsOf(disk, "file"), "abcdef");
    for (const text of ["abc", "abcd", "abcde", "abcdef", "abc\0\0\0"]) expect(remains).toContain(text);
    for (const text of remains) expect(text).toMatch(/^abc(d?e?f?|\0+)$/);
  });

  it("may undo an overwriting in part", async () => {
    const { disk, file } = await diskWith("abcdef");
    file.write([Buffer.from("XYZ")], 2);
    const { rest } = withoutFlips(remainsOf(disk, "file"), "abXYZf");
    expect(rest).toEqual(new Set(["abcdef", "abXdef", "abXYef", "abXYZf"]));
  });

  it("may flip a bit of what was not synced, and of nothing else", async () => {
    const { disk, file } = await diskWith("abc");
    file.write([Buffer.from("de")], 3);
    const { flips } = withoutFlips(remainsOf(disk, "file"), "abcde");
    expect(flips.length).toBeGreaterThan(0);
    for (const text of flips) expect(text.slice(0, 3)).toBe("abc");
  });

  it("may lose some sectors and keep those behind them", async () => {
    const { disk, file } = await diskWith("");
    file.write([Buffer.alloc(2048, "x")], 0);
    const hasHole = [...remainsOf(disk, "file")].some(
      (text) => text?.startsWith("\0".repeat(512)) && text.includes("x"),
    );
    expect(hasHole).toBe(true);
  });

  it("may undo a truncation", async () => {
    const { disk, file } = await diskWith("abcdef");
    file.truncate(2);
    const remains = remainsOf(disk, "file");
    expect(remains).toContain("ab");
    expect(remains).toContain("abcdef");
    for (const text of remains) expect("abcdef".startsWith(text ?? "?")).toBe(true);
  });

  it("a sync covers what was written before it began, once it has resolved", async () => {
    const { disk, file } = await diskWith("");
    file.write([Buffer.from("a")], 0);
    const sync = file.sync();
    file.write([Buffer.from("b")], 1);
    expect(remainsOf(disk, "file")).toContain("");
    await sync;
    expect(withoutFlips(remainsOf(disk, "file"), "ab").rest).toEqual(new Set(["a", "ab", "a\0"]));
    await file.sync();
    expect(remainsOf(disk, "file")).toEqual(new Set(["ab"]));
  });
});

describe("what a failed sync was to cover", () => {
  let isFailing: boolean;
  let disk: MemoryDisk;
  let file: DiskFile;
  beforeEach(async () => {
    isFailing = false;
    const whileSyncing = async (): Promise<void> => {
      if (isFailing) throw new Error("EIO");
    };
    disk = new MemoryDisk({ canCrash: true, whileSyncing });
    file = disk.open("file", { create: true });
    await disk.syncFolder("");
    file.write([Buffer.from("abc")], 0);
    isFailing = true;
    await expect(file.sync()).rejects.toThrow("EIO");
    isFailing = false;
  });

  it("is there to be read, and may be lost for ever, whatever succeeds later", async () => {
    await file.sync();
    expect(textOf(disk, "file")).toBe("abc");
    expect(remainsOf(disk, "file")).toContain("\0\0\0");
  });

  it("stays once it was written again and synced", async () => {
    file.write([Buffer.from("abc")], 0);
    await file.sync();
    expect(remainsOf(disk, "file")).toEqual(new Set(["abc"]));
  });

  it("may be lost where it was not written again, though what lies around it was", async () => {
    file.write([Buffer.from("a")], 0);
    file.write([Buffer.from("c")], 2);
    await file.sync();
    const { rest } = withoutFlips(remainsOf(disk, "file"), "abc");
    expect(rest).toEqual(new Set(["abc", "a\0c"]));
  });
});

describe("a crash of a folder", () => {
  it("may lose a new file's name, though its bytes were synced", async () => {
    const disk = new MemoryDisk({ canCrash: true });
    const file = disk.open("file", { create: true });
    file.write([Buffer.from("abc")], 0);
    await file.sync();
    expect(remainsOf(disk, "file")).toEqual(new Set([undefined, "abc"]));
    await disk.syncFolder("");
    expect(remainsOf(disk, "file")).toEqual(new Set(["abc"]));
  });

  it("may bring a removed file back", async () => {
    const { disk } = await diskWith("abc");
    disk.remove("file");
    expect(remainsOf(disk, "file")).toEqual(new Set([undefined, "abc"]));
    await disk.syncFolder("");
    expect(remainsOf(disk, "file")).toEqual(new Set([undefined]));
  });

  it("does a rename in full or not at all", async () => {
    const { disk } = await diskWith("old");
    const file = disk.open("new", { create: true });
    file.write([Buffer.from("new")], 0);
    await file.sync();
    await disk.syncFolder("");
    disk.rename("new", "file");
    const states = new Set<string>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const left = disk.afterCrash(seededRandom(seed));
      states.add(`${textOf(left, "file")} ${textOf(left, "new")}`);
    }
    expect(states).toEqual(new Set(["old new", "new undefined"]));
  });

  it("loses a folder with all that is in it", async () => {
    const disk = new MemoryDisk({ canCrash: true });
    disk.makeFolder("a/b");
    const file = disk.open("a/b/file", { create: true });
    await file.sync();
    await disk.syncFolder("a/b");
    await disk.syncFolder("a");
    expect(remainsOf(disk, "a/b/file")).toEqual(new Set([undefined, ""]));
    await disk.syncFolder("");
    expect(remainsOf(disk, "a/b/file")).toEqual(new Set([""]));
  });
});

it("the same seed leaves the same", async () => {
  const { disk, file } = await diskWith("abc");
  file.write([Buffer.alloc(5000, "x")], 2);
  disk.open("other", { create: true }).write([Buffer.alloc(5000, "y")], 0);
  for (let seed = 0; seed < 20; seed++) {
    const [a, b] = [disk.afterCrash(seededRandom(seed)), disk.afterCrash(seededRandom(seed))];
    expect(b.list("")).toEqual(a.list(""));
    for (const name of a.list("")) expect(textOf(b, name)).toBe(textOf(a, name));
  }
});

it("the disk that crashed goes on without touching what it left", async () => {
  const { disk, file } = await diskWith("abc");
  const left = disk.afterCrash(seededRandom(1));
  file.write([Buffer.from("X")], 0);
  await file.sync();
  expect(textOf(left, "file")).toBe("abc");
  expect(textOf(disk, "file")).toBe("Xbc");
});

it("a disk that was not made to crash cannot", () => {
  expect(() => new MemoryDisk().afterCrash(seededRandom(1))).toThrow("canCrash");
});

it("knows when a file was last written to, by its clock", () => {
  let now = 1;
  const disk = new MemoryDisk({ now: () => now });
  const file = disk.open("file", { create: true });
  file.write([Buffer.from("abc")], 0);
  now = 2;
  expect(disk.open("file").modifiedAtMs?.()).toBe(1);
  file.truncate(1);
  expect(disk.open("file").modifiedAtMs?.()).toBe(2);
});
