// Compares our schemas with the message definitions of Apache Kafka, as facts extracted from its jars
// (test/interop/extract-messages.ts writes them to test/golden/kafka-messages.json).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Field, type Fields, inRange, isFlexible, placeOf } from "../../src/protocol/schema.ts";

/** What a definition says of one field. Structs that several fields share are written out at each of them. */
export interface KafkaField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullable?: string;
  readonly tag?: number;
  readonly tagged?: string;
  readonly default?: string;
  readonly fields?: readonly KafkaField[];
}

export interface KafkaMessage {
  readonly apiKey?: number;
  readonly versions: string;
  readonly flexible: string;
  readonly fields: readonly KafkaField[];
}

export interface KafkaMessages {
  readonly kafka: string;
  readonly messages: { readonly [name: string]: KafkaMessage };
}

export const kafkaMessagesFile: string = join(import.meta.dirname, "..", "golden", "kafka-messages.json");

export function loadKafkaMessages(): KafkaMessages {
  return JSON.parse(readFileSync(kafkaMessagesFile, "utf8")) as KafkaMessages;
}

export interface Comparison {
  /** Ours: the schema of one message. */
  readonly fields: Fields;
  readonly flexible: number | null;
  readonly versions: readonly [number, number];
  /** Version of the schema minus version of the definition: the keys of internal topics count from their kind. */
  readonly offset?: number;
}

/** What differs, one line each, named by version; empty when the schema says the same as the definition. */
export function differences(ours: Comparison, kafka: KafkaMessage): string[] {
  const found: string[] = [];
  for (let version = ours.versions[0]; version <= ours.versions[1]; version++) {
    const kafkaVersion = version - (ours.offset ?? 0);
    if (!inRange(kafka.versions, kafkaVersion)) {
      found.push(`v${version}: Kafka has no such version`);
      continue;
    }
    const kafkaFlexible = kafka.flexible !== "none" && inRange(kafka.flexible, kafkaVersion);
    if (isFlexible(ours, version) !== kafkaFlexible) found.push(`v${version}: Kafka has it flexible: ${kafkaFlexible}`);
    const mine = describeOurs(ours.fields, version, "");
    const theirs = describeKafka(kafka.fields, kafkaVersion, "");
    found.push(...theirs.filter((line) => !mine.includes(line)).map((line) => `v${version}: missing: ${line}`));
    found.push(...mine.filter((line) => !theirs.includes(line)).map((line) => `v${version}: not in Kafka: ${line}`));
    if (found.length === 0 && mine.join() !== theirs.join()) found.push(`v${version}: the order differs`);
  }
  return found;
}

interface FieldFacts {
  readonly path: string;
  readonly type: string;
  readonly isNullable: boolean;
  readonly tag: number | null;
  readonly default: string;
}

function line(facts: FieldFacts): string {
  const nullable = facts.isNullable ? " nullable" : "";
  const tag = facts.tag === null ? "" : ` tag ${facts.tag}`;
  return `${facts.path} ${facts.type}${nullable}${tag} default ${facts.default}`;
}

/** The fields that one version has on the wire, in its order: the untagged ones as written down, then by tag. */
function describeOurs(fields: Fields, version: number, parent: string): string[] {
  const present = Object.entries(fields).flatMap(([name, field]) => {
    const place = placeOf(field, version);
    if (place === "absent") return [];
    const options = typeof field === "string" ? { type: field } : field;
    const facts = {
      path: `${parent}${name}`,
      type: typeName(field),
      isNullable: options.nullable !== undefined && inRange(options.nullable, version),
      tag: place === "tagged" ? (options.tag ?? null) : null,
      default: String(options.default === undefined ? zeroOf(typeName(field)) : options.default),
    };
    const nested = nestedFields(field);
    const inner = nested === undefined ? [] : describeOurs(nested, version, `${facts.path}.`);
    return [{ tag: facts.tag, lines: [line(facts), ...inner] }];
  });
  return inWireOrder(present);
}

function typeName(field: Field): string {
  if (typeof field === "string") return field;
  if ("array" in field) return typeof field.array === "string" ? `[]${field.array}` : "[]struct";
  return "struct" in field ? "struct" : field.type;
}

function nestedFields(field: Field): Fields | undefined {
  if (typeof field === "string") return undefined;
  if ("array" in field) return typeof field.array === "string" ? undefined : field.array;
  return "struct" in field ? field.struct : undefined;
}

function describeKafka(fields: readonly KafkaField[], version: number, parent: string): string[] {
  const present = fields.flatMap((field) => {
    const isTagged = field.tagged !== undefined && inRange(field.tagged, version);
    if (!isTagged && !inRange(field.versions, version)) return [];
    const type = field.fields === undefined ? field.type : field.type.startsWith("[]") ? "[]struct" : "struct";
    const facts = {
      path: `${parent}${field.name}`,
      type,
      isNullable: field.nullable !== undefined && inRange(field.nullable, version),
      tag: isTagged ? (field.tag ?? null) : null,
      default: kafkaDefault(type, field.default),
    };
    const inner = field.fields === undefined ? [] : describeKafka(field.fields, version, `${facts.path}.`);
    return [{ tag: facts.tag, lines: [line(facts), ...inner] }];
  });
  return inWireOrder(present);
}

function inWireOrder(fields: readonly { readonly tag: number | null; readonly lines: readonly string[] }[]): string[] {
  return fields.toSorted((a, b) => (a.tag ?? -1) - (b.tag ?? -1)).flatMap((field) => field.lines);
}

/** Numbers are compared as doubles, which is what ours are. */
function kafkaDefault(type: string, given: string | undefined): string {
  if (given === undefined || given === "") return zeroOf(type);
  return /^u?int|^float/.test(type) ? String(Number(given)) : given;
}

/** What a field reads as that has no default of its own. */
function zeroOf(type: string): string {
  if (/^u?int|^float/.test(type)) return "0";
  if (type === "bool") return "false";
  return "empty";
}
