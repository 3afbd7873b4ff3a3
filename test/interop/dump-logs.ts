// Lets Apache Kafka's own log dumper read a broker's data folder. The broker must have been stopped: the dumper takes
// an index file that is still open, and so padded with zeros, for a damaged one.

import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { kafkaClasspath, log4jConfig, run } from "./toolchain.ts";

export interface DumpReport {
  files: number;
  /** Data records (control records aside) of each partition folder. */
  records: Map<string, number>;
  complaints: string[];
}

const dumped = /\.(log|index|timeindex|txnindex|snapshot)$/;

/** Every line that the dumper prints about sound files. Whatever else it says is a complaint. */
const sound = [
  /^Dumping /,
  /^Log starting offset: \d+$/,
  /^baseOffset: .* isvalid: true$/,
  /^\| offset: \d+ /,
  /^offset: \d+ position: \d+$/,
  /^timestamp: -?\d+ offset: \d+$/,
  /^version: \d+ producerId: \d+ firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+$/,
  /^producerId: \d+ producerEpoch: -?\d+ /,
  / passed sanity check\.$/,
  / is empty\.$/,
];

/** Compaction leaves gaps, which the dumper reports like a loss. */
const gaps = [/^Non-consecutive offsets in /, /^ {2}\d+ is followed by \d+$/];

/** How the two topics of the coordinators are decoded, so that their records are checked as well. */
const decoders: ReadonlyMap<string, string> = new Map([
  ["__consumer_offsets", "--offsets-decoder"],
  ["__transaction_state", "--transaction-log-decoder"],
]);

export async function dumpLogs(dataDir: string): Promise<DumpReport> {
  const report: DumpReport = { files: 0, records: new Map(), complaints: [] };
  const byDecoder = new Map<string, string[]>();
  const indexes: string[] = [];
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    const topic = /^(.+)-\d+$/.exec(basename(entry.parentPath))?.[1];
    if (!entry.isFile() || !dumped.test(entry.name) || topic === undefined || topic === "__cluster_metadata") continue;
    const file = join(entry.parentPath, entry.name);
    const decoder = decoders.get(topic) ?? "";
    byDecoder.set(decoder, [...(byDecoder.get(decoder) ?? []), file]);
    if (/\.(index|timeindex)$/.test(entry.name)) indexes.push(file);
    report.files++;
  }
  for (const [decoder, files] of byDecoder) {
    await dump(["--deep-iteration", ...(decoder === "" ? [] : [decoder])], files, decoder !== "", report);
  }
  if (indexes.length > 0) await dump(["--index-sanity-check"], indexes, false, report);
  return report;
}

/** One argument may have 128 KiB; the files are one. */
const maxArgumentLength = 100_000;

function chunked(files: readonly string[]): string[] {
  const chunks: string[] = [];
  for (const file of files) {
    const last = chunks.at(-1);
    if (last === undefined || last.length + file.length > maxArgumentLength) chunks.push(file);
    else chunks[chunks.length - 1] = `${last},${file}`;
  }
  return chunks;
}

async function dump(flags: string[], files: string[], compacted: boolean, report: DumpReport): Promise<void> {
  for (const chunk of chunked(files.sort())) await dumpChunk(flags, chunk, compacted, report);
}

async function dumpChunk(flags: string[], files: string, compacted: boolean, report: DumpReport): Promise<void> {
  const java = ["-Xmx512m", "-XX:+UseSerialGC", `-Dlog4j2.configurationFile=${log4jConfig}`];
  java.push("-cp", await kafkaClasspath(), "org.apache.kafka.tools.DumpLogSegments", ...flags);
  const finished = await run("java", [...java, "--files", files], { timeoutMs: 300_000 });
  if (finished.code !== 0) report.complaints.push(`DumpLogSegments ${flags.join(" ")} ended with ${finished.code}`);
  report.complaints.push(...finished.stderr.split("\n").filter((line) => line !== ""));
  const expected = compacted ? [...sound, ...gaps] : sound;
  let partition = "";
  let inLog = false;
  for (const line of finished.stdout.split("\n")) {
    if (line === "") continue;
    if (!expected.some((form) => form.test(line))) report.complaints.push(line);
    if (line.startsWith("Dumping ")) {
      const file = line.slice("Dumping ".length);
      partition = basename(dirname(file));
      inLog = file.endsWith(".log");
    } else if (inLog && line.startsWith("| offset: ") && !/ endTxnMarker: | controlType: /.test(line)) {
      report.records.set(partition, (report.records.get(partition) ?? 0) + 1);
    }
  }
}
