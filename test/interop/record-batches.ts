// Record batches between us and the Java client, without a broker in between. As a command, writes Java's to
// test/golden/record-batches.json; `npm run interop` lets Java read ours.

import { deepEqual } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CompressionName, compressionCodes } from "../../src/protocol/records/compression.ts";
import type { LogRecord } from "../../src/protocol/records/record.ts";
import { buildSet, type RecordSet, recordSets } from "../protocol/record-sets.ts";
import { javaClient } from "./java-client.ts";
import { log4jConfig, run } from "./toolchain.ts";

const goldenFile = join(import.meta.dirname, "..", "golden", "record-batches.json");

async function runJava(command: "read" | "write", input: string): Promise<string[]> {
  const args = ["-Xmx256m", `-Dlog4j2.configurationFile=${log4jConfig}`, "-cp", await javaClient()];
  const finished = await run("java", [...args, "interop.RecordBatches", command], { input });
  if (finished.code !== 0) throw new Error(`RecordBatches ${command} failed\n${finished.stderr}`);
  return finished.stdout.trimEnd().split("\n");
}

async function writeGolden(): Promise<void> {
  const batches = (await runJava("write", "")).map((line) => {
    const [name, codec, batch] = line.split(" ");
    return `  ${JSON.stringify({ name, codec, batch })}`;
  });
  writeFileSync(goldenFile, `[\n${batches.join(",\n")}\n]\n`);
}

/** Java reads every set of records in every codec as it was written; gives their number. Throws on a difference. */
export async function letJavaReadOurs(): Promise<number> {
  const cases = (Object.keys(compressionCodes) as CompressionName[]).flatMap((codec) =>
    Object.values(recordSets).map((set) => ({ codec, set, batch: buildSet(set, codec) })),
  );
  const lines = await runJava("read", cases.map(({ batch }) => `${batch.toString("hex")}\n`).join(""));
  deepEqual(
    lines,
    cases.flatMap(({ codec, set }) => [describeBatch(codec, set), ...set.records.map(describeRecord)]),
  );
  return lines.length - cases.length;
}

function describeBatch(codec: CompressionName, set: RecordSet): string {
  return `batch ${set.baseOffset} ${set.baseOffset + set.records.length - 1} ${codec}`;
}

/** As Java describes one. */
function describeRecord({ offset, timestamp, key, value, headers }: LogRecord): string {
  const base64 = (bytes: Uint8Array | null): string =>
    bytes === null ? "-" : `b${Buffer.from(bytes).toString("base64")}`;
  const words = headers.flatMap((header) => [base64(Buffer.from(header.key)), base64(header.value)]);
  return [offset, timestamp, base64(key), base64(value), ...words].join(" ");
}

if (import.meta.main) await writeGolden();
