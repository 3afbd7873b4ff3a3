// Apache Kafka's Java client, driven as a child process. The scenarios are in java/src/main/java/interop.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Codec, InteropRecord } from "./records.ts";
import { compileJava, javaDir, kafkaClasspath, log4jConfig, run } from "./toolchain.ts";

const classesDir = join(javaDir, "target", "classes");
const sourceDir = join(javaDir, "src", "main", "java", "interop");

let compiled: Promise<string> | undefined;

/** Compiles the Java side when its sources changed, and gives the class path to run it with. */
export function javaClient(): Promise<string> {
  compiled ??= compileOnce();
  return compiled;
}

async function compileOnce(): Promise<string> {
  const classpath = await kafkaClasspath();
  const hash = createHash("sha256");
  for (const name of readdirSync(sourceDir).sort()) hash.update(readFileSync(join(sourceDir, name)));
  const wanted = hash.digest("hex");
  const stamp = join(javaDir, "target", "sources.sha256");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    await compileJava();
    mkdirSync(join(javaDir, "target"), { recursive: true });
    writeFileSync(stamp, wanted);
  }
  return `${classesDir}${delimiter}${classpath}`;
}

export interface JavaResult {
  ok: boolean;
  /** The scenario's last line: what it found, or `error`. */
  verdict: Record<string, unknown>;
  /** The lines before it. */
  lines: Record<string, unknown>[];
  stderr: string;
}

export type JavaOptions = Readonly<Record<string, string | number>>;

/** Runs one scenario of the Java client against a broker. A scenario that fails is a result, not an exception. */
export async function runJava(scenario: string, bootstrap: string, options: JavaOptions = {}): Promise<JavaResult> {
  const classpath = await javaClient();
  const args = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", `-Dlog4j2.configurationFile=${log4jConfig}`];
  args.push("-cp", classpath, "interop.InteropClient", scenario, "--bootstrap", bootstrap);
  for (const [name, value] of Object.entries(options)) args.push(`--${name}`, String(value));
  const finished = await run("java", args, { timeoutMs: 180_000 });
  const lines = finished.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const verdict = lines.pop() ?? { ok: false, error: "the Java client printed nothing" };
  return { ok: finished.code === 0 && verdict.ok === true, verdict, lines, stderr: finished.stderr };
}

function demandOk(what: string, result: JavaResult): void {
  if (!result.ok) throw new Error(`${what} failed: ${String(result.verdict.error)}\n${result.stderr}`);
}

export interface JavaProduceOptions {
  count: number;
  compression?: Codec;
  valueSize?: number;
  /** Index of the first record. */
  first?: number;
  /** Timestamp of the record with index 0. */
  baseTime?: number;
}

/** Writes the records of `interopRecord` with the Java client (idempotent, acks=all) to an existing topic. */
export async function produceWithJava(
  bootstrap: string,
  topic: string,
  options: JavaProduceOptions,
): Promise<{ partitions: number; baseTime: number }> {
  const result = await runJava("produce", bootstrap, {
    topic,
    count: options.count,
    compression: options.compression ?? "none",
    "value-size": options.valueSize ?? 100,
    first: options.first ?? 0,
    "base-time": options.baseTime ?? Date.now(),
  });
  demandOk("producing with Java", result);
  return { partitions: Number(result.verdict.partitions), baseTime: Number(result.verdict.baseTime) };
}

export interface JavaRecord extends InteropRecord {
  offset: number;
  timestampType: string;
}

/** Everything a topic holds at this moment, in offset order within each partition, as the Java client reads it. */
export async function consumeWithJava(
  bootstrap: string,
  topic: string,
  isolation: "read_committed" | "read_uncommitted",
): Promise<JavaRecord[]> {
  const result = await runJava("consume", bootstrap, { topic, isolation });
  demandOk("consuming with Java", result);
  const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, "base64"));
  return result.lines.map((line) => {
    const record = line as unknown as ConsumedLine;
    return {
      partition: record.partition,
      offset: record.offset,
      timestamp: record.timestamp,
      timestampType: record.timestampType,
      key: bytes(record.key),
      value: bytes(record.value),
      headers: record.headers.map(([key, value]) => ({ key, value: bytes(value) })),
    };
  });
}

/** What the `consume` scenario prints for each record; keys, values and header values are in base64. */
interface ConsumedLine {
  partition: number;
  offset: number;
  timestamp: number;
  timestampType: string;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
}
