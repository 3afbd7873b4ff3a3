/** Small text files whose formats are Apache Kafka's and have no room for a CRC: it stands in a file of its own beside each. */
import { crc32c } from "@node-rs/crc32";
import type { Disk } from "../platform/disk.ts";
import { replaceFile } from "./write-file.ts";

const SUFFIX = ".crc32c";

/** As `replaceFile`. The CRC of what is there, if it is sound, stays beside that of what comes: a crash may leave either. */
export async function replaceChecked(disk: Disk, folder: string, name: string, text: string): Promise<void> {
  const crcs = [readChecked(disk, folder, name) ?? "", text].map(crcOf);
  await replaceFile(disk, folder, name + SUFFIX, Buffer.from(encodeCrcs(crcs)));
  await replaceFile(disk, folder, name, Buffer.from(text));
}

/** Undefined when it is missing or damaged, or its CRC is. Apache Kafka's has none. */
export function readChecked(disk: Pick<Disk, "exists" | "readFile">, folder: string, name: string): string | undefined {
  const path = `${folder}/${name}`;
  if (!disk.exists(path)) return undefined;
  const read = (each: string): string => Buffer.from(disk.readFile(each)).toString();
  const text = read(path);
  if (!disk.exists(path + SUFFIX)) return text;
  const line = read(path + SUFFIX);
  const crcs = line.split(" ").slice(0, 2);
  return line === encodeCrcs(crcs) && crcs.includes(crcOf(text)) ? text : undefined;
}

export function removeChecked(disk: Disk, folder: string, name: string): void {
  for (const each of [name, name + SUFFIX]) for (const tmp of [".tmp", ""]) disk.remove(`${folder}/${each}${tmp}`);
}

/** Of the text before and of that of now, and of the two: a wrong bit in the one that is not looked for shows, too. */
function encodeCrcs(crcs: readonly string[]): string {
  const line = crcs.join(" ");
  return `${line} ${crcOf(line)}\n`;
}

export function crcOf(text: string): string {
  return (crc32c(text) >>> 0).toString(16).padStart(8, "0");
}
