// Lets Apache Kafka's own log dumper read a broker's data folder. The broker must have been stopped: the dumper takes
// an index file that is still open, and so padded with zeros, for a damaged one.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { kafkaClasspath, log4jConfig, run } from "./toolchain.ts";

export interface DumpReport {
  files: number;
  /** Data records (control records aside) of each partition folder. */
  records: Map<string, number>;
  /** What only compaction makes: batches without records, batches with the time from which tombstones and markers may go. */
  emptyBatches: number;
  datedBatches: number;
  tombstones: number;
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

const gapsHeading = /^Non-consecutive offsets in (.+)$/;
/** Compaction leaves gaps, which the dumper reports like a loss. */
const gaps = [gapsHeading, /^ {2}-?\d+ is followed by \d+$/];

/** How the two topics of the coordinators are decoded, so that their records are checked as well. */
const decoders: ReadonlyMap<string, string> = new Map([
  ["__consumer_offsets", "--offsets-decoder"],
  ["__transaction_state", "--transaction-log-decoder"],
]);

export async function dumpLogs(dataDir: string): Promise<DumpReport> {
  const counts = { files: 0, emptyBatches: 0, datedBatches: 0, tombstones: 0 };
  const report: DumpReport = { ...counts, records: new Map(), complaints: [] };
  const compacted = compactedTopics(dataDir);
  /** By the flags that they need, and whether they may have gaps. */
  const groups = new Map<
    string,
    { readonly flags: string[]; readonly mayHaveGaps: boolean; readonly files: string[] }
  >();
  const indexes: string[] = [];
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    const topic = /^(.+)-\d+$/.exec(basename(entry.parentPath))?.[1];
    if (!entry.isFile() || !dumped.test(entry.name) || topic === undefined || topic === "__cluster_metadata") continue;
    const file = join(entry.parentPath, entry.name);
    const decoder = decoders.get(topic);
    const flags = ["--deep-iteration", ...(decoder === undefined ? [] : [decoder])];
    const mayHaveGaps = compacted.has(topic);
    const name = `${decoder} ${mayHaveGaps}`;
    const group = groups.get(name) ?? { flags, mayHaveGaps, files: [] };
    group.files.push(file);
    groups.set(name, group);
    if (/\.(index|timeindex)$/.test(entry.name)) indexes.push(file);
    report.files++;
  }
  for (const { flags, files, mayHaveGaps } of groups.values()) await dump(flags, files, mayHaveGaps, report);
  if (indexes.length > 0) await dump(["--index-sanity-check"], indexes, false, report);
  return report;
}

/** Those that the broker's checkpoint file names; Apache Kafka has it in a folder within. */
function compactedTopics(dataDir: string): ReadonlySet<string> {
  const paths = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).map((path) => join(dataDir, path));
  const checkpoints = paths.filter((path) => basename(path) === "cleaner-offset-checkpoint");
  const lines = checkpoints.flatMap((path) => readFileSync(path, "utf8").split("\n").slice(2));
  return new Set(lines.map((line) => line.split(" ")[0] as string));
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
  const expected = compacted ? [...sound, ...gaps] : sound;
  report.complaints.push(...complaintsOf(finished.stderr, compacted));
  let partition = "";
  let inLog = false;
  for (const line of finished.stdout.split("\n")) {
    if (line === "") continue;
    if (!expected.some((form) => form.test(line))) report.complaints.push(line);
    if (line.startsWith("Dumping ")) {
      const file = line.slice("Dumping ".length);
      partition = basename(dirname(file));
      inLog = file.endsWith(".log");
    } else if (inLog && line.startsWith("baseOffset: ")) {
      if (line.includes(" count: 0 ")) report.emptyBatches++;
      if (line.includes(" deleteHorizonMs: OptionalLong[")) report.datedBatches++;
    } else if (inLog && line.startsWith("| offset: ") && !/ endTxnMarker: | controlType: /.test(line)) {
      report.records.set(partition, (report.records.get(partition) ?? 0) + 1);
      if (line.includes(" valueSize: -1 ")) report.tombstones++;
    }
  }
}

/** Of what the dumper prints as an error, at its end, all but what it says of sound files, too: it takes each file for the beginning of
 * a log, and tells once that the first record of a segment which begins later than at 0 comes behind -1. */
export function complaintsOf(stderr: string, compacted: boolean): string[] {
  const lines = stderr.split("\n").filter((line) => line !== "");
  if (compacted) return lines.filter((line) => !gaps.some((form) => form.test(line)));
  const complaints: string[] = [];
  const excusedFiles = new Set<string>();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const file = gapsHeading.exec(line)?.[1];
    const isExcused = file !== undefined && !excusedFiles.has(file) && lines[i + 1] === gapBeforeSegment(file);
    if (!isExcused) {
      complaints.push(line);
      continue;
    }
    excusedFiles.add(file);
    // The heading stays where it says more than that.
    if (lines[i + 2]?.startsWith("  ")) complaints.push(line);
    i++;
  }
  return complaints;
}

/** With the segment's base offset, which is its name; undefined of one that begins at 0. */
function gapBeforeSegment(file: string): string | undefined {
  const baseOffset = /^0*([1-9]\d*)\.log$/.exec(basename(file))?.[1];
  return baseOffset === undefined ? undefined : `  -1 is followed by ${baseOffset}`;
}
