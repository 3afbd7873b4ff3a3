// Extracts the facts of Apache Kafka's message definitions (no code, no prose) from its jars to
// test/golden/kafka-messages.json; `npm run interop` says whether that file is still what the jars hold.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { type KafkaField, type KafkaMessage, kafkaMessagesFile } from "../protocol/kafka-messages.ts";
import { kafkaClasspath, run } from "./toolchain.ts";

/** The wire's messages, and the records of `__consumer_offsets` and `__transaction_state`. */
const jars = /\/kafka-(?:clients|group-coordinator|transaction-coordinator)-(\d[\w.]*)\.jar$/;

interface Definition {
  readonly name: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly fields: readonly DefinedField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly DefinedField[] }[];
}

interface DefinedField {
  readonly name: string;
  readonly type: string;
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean;
  readonly fields?: readonly DefinedField[];
}

function fieldFacts(field: DefinedField, shared: ReadonlyMap<string, readonly DefinedField[]>): KafkaField {
  const nested = field.fields ?? shared.get(field.type.replace("[]", ""));
  return {
    name: lowerFirst(field.name),
    type: field.type,
    versions: field.versions ?? field.taggedVersions ?? "",
    ...(field.nullableVersions === undefined ? {} : { nullable: field.nullableVersions }),
    ...(field.taggedVersions === undefined ? {} : { tagged: field.taggedVersions, tag: field.tag ?? -1 }),
    ...(field.default === undefined ? {} : { default: String(field.default) }),
    ...(nested === undefined ? {} : { fields: nested.map((inner) => fieldFacts(inner, shared)) }),
  };
}

function messageFacts(definition: Definition): KafkaMessage {
  const shared = new Map(definition.commonStructs?.map(({ name, fields }) => [name, fields]));
  return {
    ...(definition.apiKey === undefined ? {} : { apiKey: definition.apiKey }),
    versions: definition.validVersions,
    flexible: definition.flexibleVersions,
    fields: definition.fields.map((field) => fieldFacts(field, shared)),
  };
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** The definitions are JSON with comments. */
function parseDefinition(text: string): Definition {
  return JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, "")) as Definition;
}

/** The file's text: one message a line, so that a new version of Kafka shows as a readable difference. */
async function extractMessages(): Promise<string> {
  const chosen = (await kafkaClasspath()).split(delimiter).filter((jar) => jars.test(jar));
  const folder = mkdtempSync(join(tmpdir(), "kafka-messages-"));
  try {
    for (const jar of chosen) {
      const { code, stderr } = await run("jar", ["-x", "-f", jar, "common/message"], { cwd: folder });
      if (code !== 0) throw new Error(`unpacking ${basename(jar)} failed\n${stderr}`);
    }
    const definitions = join(folder, "common", "message");
    const messages = readdirSync(definitions)
      .filter((file) => file.endsWith(".json"))
      .sort()
      .map((file) => parseDefinition(readFileSync(join(definitions, file), "utf8")))
      .filter(({ validVersions }) => validVersions !== "none");
    const version = jars.exec(chosen[0] ?? "")?.[1] ?? "unknown";
    const lines = messages.map((each) => `    ${JSON.stringify(each.name)}: ${JSON.stringify(messageFacts(each))}`);
    return `{\n  "kafka": ${JSON.stringify(version)},\n  "messages": {\n${lines.join(",\n")}\n  }\n}\n`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the file is what the jars hold. */
export async function isCurrent(): Promise<boolean> {
  return (await extractMessages()) === readFileSync(kafkaMessagesFile, "utf8");
}

if (import.meta.main) writeFileSync(kafkaMessagesFile, await extractMessages());
