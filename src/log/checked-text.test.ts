import { expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { readChecked, removeChecked, replaceChecked } from "./checked-text.ts";

const folder = "data";
const name = "checkpoint";

async function saved(...texts: readonly string[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  disk.makeFolder(folder);
  for (const text of texts) await replaceChecked(disk, folder, name, text);
  return disk;
}

function put(disk: MemoryDisk, path: string, bytes: Uint8Array): void {
  disk.remove(path);
  disk.open(path, { create: true }).write([bytes], 0);
}

it("no text with a wrong bit is believed, nor one with a wrong bit in its CRCs", async () => {
  const disk = await saved("before 1\n", "now 2\n");
  for (const path of [`${folder}/${name}`, `${folder}/${name}.crc32c`]) {
    const sound = Buffer.from(disk.readFile(path));
    for (let bit = 0; bit < 8 * sound.length; bit++) {
      const damaged = Buffer.from(sound);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      put(disk, path, damaged);
      expect(readChecked(disk, folder, name), `${path}, bit ${bit}`).toBeUndefined();
    }
    put(disk, path, sound);
  }
  expect(readChecked(disk, folder, name)).toBe("now 2\n");
});

it("the text before is believed, which a crash may leave", async () => {
  const disk = await saved("before 1\n", "now 2\n");
  put(disk, `${folder}/${name}`, Buffer.from("before 1\n"));
  expect(readChecked(disk, folder, name)).toBe("before 1\n");
});

it("a damaged text is not vouched for when the next one is written", async () => {
  const disk = await saved("sound\n");
  put(disk, `${folder}/${name}`, Buffer.from("wrong\n"));
  await replaceChecked(disk, folder, name, "next\n");
  put(disk, `${folder}/${name}`, Buffer.from("wrong\n"));
  expect(readChecked(disk, folder, name)).toBeUndefined();
});

it("a text without CRC is read, one that is missing or removed is none", async () => {
  const disk = await saved();
  expect(readChecked(disk, folder, name)).toBeUndefined();
  put(disk, `${folder}/${name}`, Buffer.from("plain\n"));
  expect(readChecked(disk, folder, name)).toBe("plain\n");
  await replaceChecked(disk, folder, name, "next\n");
  removeChecked(disk, folder, name);
  expect(disk.list(folder)).toEqual([]);
});
