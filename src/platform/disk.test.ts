// What every Disk does, whatever it is made of.

import { execFile } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { nodeDisk } from "./node/disk.ts";

interface Place {
  readonly disk: Disk;
  readonly folder: string;
  remove(): void;
}

const disks: Readonly<Record<string, () => Place>> = {
  node() {
    const folder = mkdtempSync(join(tmpdir(), "oncilla-disk-"));
    return { disk: nodeDisk, folder, remove: () => rmSync(folder, { recursive: true }) };
  },
  memory() {
    const disk = new MemoryDisk();
    disk.makeFolder("data");
    return { disk, folder: "data", remove: () => {} };
  },
  "memory that can crash"() {
    const disk = new MemoryDisk({ canCrash: true });
    disk.makeFolder("data");
    return { disk, folder: "data", remove: () => {} };
  },
};

describe.each(Object.entries(disks))("%s", (_name, create) => {
  let place: Place;
  let disk: Disk;
  let folder: string;
  beforeEach(() => {
    place = create();
    disk = place.disk;
    folder = place.folder;
  });
  afterEach(() => place.remove());

  const path = (name: string): string => `${folder}/${name}`;
  const textOf = (name: string): string => Buffer.from(disk.readFile(path(name))).toString();
  const make = (name: string, text: string): DiskFile => {
    const file = disk.open(path(name), { create: true });
    file.write([Buffer.from(text)], 0);
    return file;
  };
  const save = (name: string, text: string): void => make(name, text).close();

  describe("a file", () => {
    it("gives back what was written, wherever it was written", () => {
      const file = make("file", "hello");
      file.write([Buffer.from(" world"), Buffer.from("!")], 5);
      file.write([Buffer.from("J")], 0);
      expect(file.size()).toBe(12);
      expect(textOf("file")).toBe("Jello world!");
      const target = Buffer.alloc(8, ".");
      expect(file.read(target, 2, 5, 6)).toBe(5);
      expect(target.toString()).toBe("..world.");
      file.close();
    });

    it("takes any number of chunks in one write", () => {
      const file = disk.open(path("file"), { create: true });
      const chunks = Array.from({ length: 2500 }, (_, i) => Buffer.from(String(i % 10)));
      file.write([], 0);
      file.write(chunks, 0);
      file.write(chunks, 2500);
      expect(textOf("file")).toBe("0123456789".repeat(500));
      file.close();
    });

    it("reads short at the end, and nothing behind it", () => {
      const file = make("file", "abc");
      const target = Buffer.alloc(8);
      expect(file.read(target, 0, 8, 1)).toBe(2);
      expect(file.read(target, 0, 8, 3)).toBe(0);
      expect(file.read(target, 0, 8, 100)).toBe(0);
      expect(file.read(target, 0, 0, 0)).toBe(0);
      file.close();
    });

    it("is zero where nothing was written", () => {
      const file = make("file", "abc");
      file.write([Buffer.from("x")], 6);
      expect(textOf("file")).toBe("abc\0\0\0x");
      file.close();
    });

    it("can be cut, and grows with zeros where it was cut", () => {
      const file = make("file", "abcdef");
      file.truncate(2);
      expect(textOf("file")).toBe("ab");
      file.truncate(4);
      expect(textOf("file")).toBe("ab\0\0");
      file.write([Buffer.from("y")], 5);
      expect(textOf("file")).toBe("ab\0\0\0y");
      file.truncate(0);
      expect(file.size()).toBe(0);
      file.close();
    });

    it.each([10_000, 65_535, 65_536, 65_537, 200_000])("of %i bytes is what was written, piece by piece", (size) => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
      const file = disk.open(path("file"), { create: true });
      for (let at = 0; at < size; at += 7001) file.write([bytes.subarray(at, Math.min(at + 7001, size))], at);
      expect(file.size()).toBe(size);
      const target = Buffer.alloc(size);
      for (let at = 0; at < size; at += 5003) file.read(target, at, Math.min(5003, size - at), at);
      expect(target.equals(bytes)).toBe(true);
      file.truncate(size - 5000);
      file.truncate(size);
      expect(
        Buffer.from(disk.readFile(path("file"))).equals(Buffer.concat([bytes.subarray(0, -5000), Buffer.alloc(5000)])),
      ).toBe(true);
      file.close();
    });

    it("keeps its content when opened again, created or not", () => {
      save("file", "abc");
      disk.open(path("file")).close();
      disk.open(path("file"), { create: true }).close();
      expect(textOf("file")).toBe("abc");
    });

    it("that was closed is closed, whatever was opened since", async () => {
      const file = make("file", "abc");
      file.close();
      const other = make("other", "abc");
      expect(codeOf(() => file.read(Buffer.alloc(1), 0, 1, 0))).toBe("EBADF");
      await expect(file.sync()).rejects.toMatchObject({ name: "DiskError", code: "EBADF" });
      expect(codeOf(() => file.close())).toBe("EBADF");
      expect(other.size()).toBe(3);
      other.close();
    });

    it("is one file however often it is open", () => {
      const writer = make("file", "abc");
      const reader = disk.open(path("file"));
      writer.write([Buffer.from("d")], 3);
      expect(reader.size()).toBe(4);
      writer.close();
      reader.close();
    });

    it("stays usable for who has it open when it is removed or renamed", () => {
      const file = make("file", "abc");
      disk.rename(path("file"), path("other"));
      file.write([Buffer.from("d")], 3);
      expect(textOf("other")).toBe("abcd");
      disk.remove(path("other"));
      file.write([Buffer.from("e")], 4);
      expect(file.size()).toBe(5);
      expect(disk.exists(path("other"))).toBe(false);
      file.close();
    });

    it("syncs, also several times at once", async () => {
      const file = make("file", "abc");
      await Promise.all([file.sync(), file.sync()]);
      await disk.syncFolder(folder);
      file.close();
    });
  });

  describe("a folder", () => {
    it("lists names in order, those of folders with a slash", () => {
      save("b", "");
      save("a", "");
      disk.makeFolder(path("c/d"));
      expect(disk.list(folder)).toEqual(["a", "b", "c/"]);
      expect(disk.list(path("c"))).toEqual(["d/"]);
      expect(disk.exists(path("c/d"))).toBe(true);
    });

    it("may be made twice", () => {
      disk.makeFolder(path("c/d"));
      disk.makeFolder(path("c/d"));
      expect(disk.list(path("c"))).toEqual(["d/"]);
    });

    it("moves with what is in it", () => {
      disk.makeFolder(path("c/d"));
      save("c/d/file", "abc");
      disk.rename(path("c"), path("e"));
      expect(textOf("e/d/file")).toBe("abc");
      expect(disk.list(folder)).toEqual(["e/"]);
    });

    it("is removed with what is in it, large files too", () => {
      disk.makeFolder(path("large/in"));
      const file = disk.open(path("large/in/file"), { create: true });
      file.write([Buffer.alloc(3 * 1024 * 1024, 7)], 0);
      disk.remove(path("large"));
      expect(disk.exists(path("large"))).toBe(false);
      const byte = Buffer.alloc(1);
      expect([file.read(byte, 0, 1, 3_000_000), byte[0]]).toEqual([1, 7]);
      file.close();
    });

    it("is removed with what is in it; what is missing is removed already", () => {
      disk.makeFolder(path("c/d"));
      save("c/d/file", "abc");
      disk.remove(path("c"));
      disk.remove(path("c"));
      disk.remove(path("missing/file"));
      expect(disk.list(folder)).toEqual([]);
    });

    it("replaces a file by another in one step", () => {
      save("new", "new");
      save("old", "old");
      disk.rename(path("new"), path("old"));
      expect(disk.list(folder)).toEqual(["old"]);
      expect(textOf("old")).toBe("new");
    });

    it("is held by one holder only", () => {
      const lock = disk.lock(folder);
      expect(codeOf(() => disk.lock(folder))).toBe("LOCKED");
      lock.release();
      disk.lock(folder).release();
    });
  });

  it.each<[string, string, (at: (name: string) => string) => unknown]>([
    ["opening a missing file", "ENOENT", (at) => disk.open(at("missing"))],
    ["creating a file in a missing folder", "ENOENT", (at) => disk.open(at("missing/file"), { create: true })],
    ["reading a missing file", "ENOENT", (at) => disk.readFile(at("missing"))],
    ["listing a missing folder", "ENOENT", (at) => disk.list(at("missing"))],
    ["listing a file", "ENOTDIR", (at) => disk.list(at("file"))],
    ["reading a folder", "EISDIR", (at) => disk.readFile(at("folder"))],
    ["renaming what is missing", "ENOENT", (at) => disk.rename(at("missing"), at("file"))],
    ["making a folder where a file is", "EEXIST", (at) => disk.makeFolder(at("file"))],
  ])("%s is an error: %s", (_what, code, operation) => {
    save("file", "");
    disk.makeFolder(path("folder"));
    expect(codeOf(() => operation(path))).toBe(code);
  });

  it("nothing lies below a file, nor under a name that no file can have", () => {
    save("file", "");
    expect(disk.exists(path("file/in"))).toBe(false);
    expect(disk.exists(path("n".repeat(300)))).toBe(false);
  });

  it("syncing a missing folder is an error: ENOENT", async () => {
    await expect(disk.syncFolder(path("missing"))).rejects.toMatchObject({ name: "DiskError", code: "ENOENT" });
  });
});

it.skipIf(process.platform !== "linux")("node: a full disk says so", () => {
  const file = nodeDisk.open("/dev/full");
  expect(codeOf(() => file.write([Buffer.from("x")], 0))).toBe("ENOSPC");
  expect(codeOf(() => file.write([Buffer.from("x"), Buffer.from("y")], 0))).toBe("ENOSPC");
  file.close();
});

it("node: what cannot be looked at may be there", () => {
  const { folder, remove } = (disks.node as () => Place)();
  symlinkSync("loop", `${folder}/loop`);
  expect(codeOf(() => nodeDisk.exists(`${folder}/loop/file`))).toBe("ELOOP");
  remove();
});

it.skipIf(process.platform !== "linux")("node: a file whose close failed is closed", () => {
  const { folder, remove } = (disks.node as () => Place)();
  const file = nodeDisk.open(`${folder}/file`, { create: true });
  for (const fd of descriptorsOf(`${folder}/file`)) closeSync(fd);
  expect(codeOf(() => file.close())).toBe("EBADF");
  const other = nodeDisk.open(`${folder}/other`, { create: true });
  expect(codeOf(() => file.close())).toBe("EBADF");
  expect(other.size()).toBe(0);
  other.close();
  remove();
});

/** Large, and nobody can remove it. */
const KERNEL_FILE = "/sys/kernel/btf/vmlinux";

it.skipIf(!existsSync(KERNEL_FILE))("node: a large file that cannot be removed is not left open", () => {
  expect(codeOf(() => nodeDisk.remove(KERNEL_FILE))).toMatch(/^(EPERM|EACCES|EROFS)$/);
  expect(descriptorsOf(KERNEL_FILE)).toEqual([]);
});

/** Closes a folder's descriptor while it is being synced. Not in the tests' process: what has its number next would be closed too. */
const SYNC_WITHOUT_DESCRIPTOR = `
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { nodeDisk } from ${JSON.stringify(join(import.meta.dirname, "node/disk.ts"))};
const folder = process.argv[1];
const close = (fd) => {
  try {
    if (readlinkSync("/proc/self/fd/" + fd) !== folder) return false;
    closeSync(Number(fd));
    return true;
  } catch {
    // It was closed meanwhile.
    return false;
  }
};
for (let isClosed = false; !isClosed; ) {
  let outcome;
  const sync = nodeDisk.syncFolder(folder).then(
    () => (outcome = "synced"),
    (error) => (outcome = error.code),
  );
  while (!isClosed && outcome === undefined) {
    isClosed = readdirSync("/proc/self/fd").some(close);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sync;
  if (isClosed) console.log(outcome);
}
`;

it.skipIf(process.platform !== "linux")("node: a folder's sync ends whatever becomes of its descriptor", async () => {
  const { folder, remove } = (disks.node as () => Place)();
  const script = ["--input-type=module", "-e", SYNC_WITHOUT_DESCRIPTOR, folder];
  const { stdout } = await promisify(execFile)(process.execPath, script);
  expect(stdout).toMatch(/^(synced|SYNC_FAILED)\n$/);
  remove();
});

function descriptorsOf(path: string): number[] {
  const isOpen = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // It was the one that the list was read from.
      return false;
    }
  };
  return readdirSync("/proc/self/fd").filter(isOpen).map(Number);
}

it.skipIf(process.platform !== "linux")("node: what cannot be read is not the file's end", () => {
  const end = endOfMapping();
  const memory = nodeDisk.open("/proc/self/mem", { readOnly: true });
  const target = Buffer.alloc(8192);
  expect(memory.read(target, 0, 4096, end - 4096)).toBe(4096);
  expect(codeOf(() => memory.read(target, 0, 8192, end - 4096))).toBe("EIO");
  memory.close();
});

/** Where there is a gap in the process's memory, behind a file's part of it, which stays where it is. Of a read that runs into it
 * the system gives what lies before it, as of one that runs into a page that the disk has lost. */
function endOfMapping(): number {
  const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
  const ends = lines.map((line) => /^\w+-(\w+) r.* \//.exec(line)?.[1]);
  const end = ends.find((each, i) => each !== undefined && !lines[i + 1]?.startsWith(`${each}-`));
  return Number.parseInt(end ?? "", 16);
}

function codeOf(operation: () => unknown): string | undefined {
  try {
    operation();
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError);
    return (error as DiskError).code;
  }
  return undefined;
}

it("how much room there is where a folder of Node's disk lies", () => {
  const { totalBytes = 0, usableBytes = 0 } = nodeDisk.volume?.(tmpdir()) ?? {};
  expect(usableBytes).toBeGreaterThan(0);
  expect(totalBytes).toBeGreaterThan(usableBytes);
  expect(() => nodeDisk.volume?.("/nowhere/at/all")).toThrow(DiskError);
});

it("a file on disk tells when it was last written to", () => {
  const { disk, folder, remove } = (disks.node as () => Place)();
  const before = Date.now() - 1000;
  const file = disk.open(`${folder}/file`, { create: true });
  file.write([Buffer.from("a")], 0);
  const modifiedAtMs = file.modifiedAtMs?.() ?? 0;
  expect(modifiedAtMs).toBeGreaterThan(before);
  expect(modifiedAtMs).toBeLessThan(Date.now() + 1000);
  file.close();
  remove();
});
