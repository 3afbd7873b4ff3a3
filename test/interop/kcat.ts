// kcat (librdkafka's command line), driven as a child process.

import type { Codec, InteropRecord } from "./records.ts";
import { run } from "./toolchain.ts";

export interface KcatMessage {
  key: string | null;
  value: string;
}

async function kcat(bootstrap: string, args: readonly string[], input = ""): Promise<string> {
  // Ten seconds without a reply are an error here, where librdkafka would retry for minutes.
  const limits = ["-X", "socket.timeout.ms=10000", "-X", "message.timeout.ms=20000"];
  const finished = await run("kcat", ["-b", bootstrap, ...limits, ...args], { input, timeoutMs: 60_000 });
  if (finished.code !== 0) throw new Error(`kcat ${args.join(" ")} ended with ${finished.code}\n${finished.stderr}`);
  return finished.stdout;
}

export async function kcatVersion(): Promise<string> {
  const [, own, library] = /Version (\S+) .*librdkafka (\S+)/.exec((await run("kcat", ["-V"])).stdout) ?? [];
  return `${own} (librdkafka ${library})`;
}

/** Writes messages; all get the header `origin: kcat`. A message without a key is written with a null key. */
export async function produceWithKcat(
  bootstrap: string,
  topic: string,
  messages: readonly KcatMessage[],
  settings: { compression?: Codec; properties?: readonly string[] } = {},
): Promise<void> {
  const lines = messages.map(({ key, value }) => (key === null ? `${value}\n` : `${key}\t${value}\n`));
  const args = ["-P", "-t", topic, "-K", "\t", "-H", "origin=kcat", "-X", "linger.ms=50"];
  args.push("-z", settings.compression ?? "none");
  for (const property of settings.properties ?? []) args.push("-X", property);
  await kcat(bootstrap, args, lines.join(""));
}

export interface KcatRecord extends InteropRecord {
  offset: number;
}

/** Everything a topic holds at this moment, in offset order within each partition. */
export async function consumeWithKcat(
  bootstrap: string,
  topic: string,
  isolation: "read_committed" | "read_uncommitted",
): Promise<KcatRecord[]> {
  const args = ["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X", `isolation.level=${isolation}`];
  return parse(await kcat(bootstrap, args));
}

/** The next `count` messages of a topic as a member of a group, which commits and leaves. */
export async function consumeWithKcatGroup(
  bootstrap: string,
  topic: string,
  group: string,
  count: number,
): Promise<KcatRecord[]> {
  const args = ["-q", "-J", "-c", String(count), "-X", "auto.offset.reset=earliest", "-G", group, topic];
  return parse(await kcat(bootstrap, args));
}

export interface KcatMetadata {
  brokers: { id: number; name: string }[];
  topics: { topic: string; partitions: { partition: number; leader: number }[] }[];
}

export async function kcatMetadata(bootstrap: string): Promise<KcatMetadata> {
  return JSON.parse(await kcat(bootstrap, ["-L", "-J"])) as KcatMetadata;
}

/** The offset of the first message at or after a timestamp, which kcat prints as `topic [partition] offset N`. */
export async function kcatOffset(
  bootstrap: string,
  topic: string,
  partition: number,
  timestamp: number,
): Promise<number> {
  const text = await kcat(bootstrap, ["-Q", "-t", `${topic}:${partition}:${timestamp}`]);
  const match = /offset (-?\d+)/.exec(text);
  if (match === null) throw new Error(`kcat -Q printed ${text}`);
  return Number(match[1]);
}

/** The parts of kcat's JSON envelope that are compared; headers are a flat list of names and values. */
interface Envelope {
  partition: number;
  offset: number;
  ts: number;
  key: string | null;
  payload: string | null;
  headers?: (string | null)[];
}

function parse(output: string): KcatRecord[] {
  const bytes = (text: string | null | undefined): Buffer | null =>
    typeof text === "string" ? Buffer.from(text) : null;
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const envelope = JSON.parse(line) as Envelope;
      const flat = envelope.headers ?? [];
      const headers = [];
      for (let i = 0; i < flat.length; i += 2) headers.push({ key: flat[i] ?? "", value: bytes(flat[i + 1]) });
      return {
        partition: envelope.partition,
        offset: envelope.offset,
        timestamp: envelope.ts,
        key: bytes(envelope.key),
        value: bytes(envelope.payload),
        headers,
      };
    });
}
