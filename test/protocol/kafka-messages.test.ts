import { describe, expect, it } from "vitest";
import { apis } from "../../src/protocol/apis/index.ts";
import * as consumerGroupRecords from "../../src/protocol/internal/consumer-group-records.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../src/protocol/internal/consumer-protocol.ts";
import {
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
} from "../../src/protocol/internal/offset-records.ts";
import * as streamsGroupRecords from "../../src/protocol/internal/streams-group-records.ts";
import { transactionLogKey, transactionLogValue } from "../../src/protocol/internal/transaction-records.ts";
import type { Api, Fields, VersionedData } from "../../src/protocol/schema.ts";
import { differences, type KafkaMessage, loadKafkaMessages } from "./kafka-messages.ts";

const { messages } = loadKafkaMessages();

function message(name: string): KafkaMessage {
  const found = messages[name];
  if (found === undefined) throw new Error(`Kafka has no message ${name}`);
  return found;
}

/** Versions that Kafka defines and that are not served, each for a reason. */
const notServed: { readonly [api: string]: string } = {
  // Unstable in Kafka 4.3: served only with unstable versions switched on (KIP-939).
  InitProducerId: "6",
  // Says which folders take no new partitions (KIP-1066), which we do not have.
  DescribeLogDirs: "5",
};

describe("the schemas of the APIs say what Apache Kafka's message definitions say", () => {
  for (const api of apis) {
    it(`${api.name} ${api.versions.join("-")}`, () => {
      const request = message(`${api.name}Request`);
      expect(api.key).toBe(request.apiKey);
      const [, last] = api.versions;
      const beyond = notServed[api.name];
      expect(versionsOf(api.versions[0], beyond === undefined ? last : Number(beyond))).toBe(request.versions);
      expect(differences({ ...api, fields: api.request }, request)).toEqual([]);
      expect(differences({ ...api, fields: api.response }, message(`${api.name}Response`))).toEqual([]);
    });
  }
});

function versionsOf(first: number, last: number): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

describe("the schemas of records and of the consumer protocol say what Apache Kafka's say", () => {
  const values = [
    consumerProtocolSubscription,
    consumerProtocolAssignment,
    offsetCommitValue,
    groupMetadataValue,
    transactionLogValue,
    ...Object.values({ ...consumerGroupRecords, ...streamsGroupRecords }).filter(({ name }) => name.endsWith("Value")),
  ];
  it.each(values)("$name", (data: VersionedData) => {
    expect(versionsOf(...data.versions)).toBe(message(data.name).versions);
    expect(differences(data, message(data.name))).toEqual([]);
  });

  // Kafka's definitions give the kind of a key as its API key, and the version within the kind is always 0.
  const keys = [
    { data: offsetCommitKey, kind: 1, name: "OffsetCommitKey" },
    { data: offsetCommitKey, kind: 0, name: "LegacyOffsetCommitKey" },
    { data: groupMetadataKey, kind: 2, name: "GroupMetadataKey" },
    { data: transactionLogKey, kind: 0, name: "TransactionLogKey" },
    ...Object.values({ ...consumerGroupRecords, ...streamsGroupRecords })
      .filter(({ name }) => name.endsWith("Key"))
      .map((data) => ({ data, kind: data.versions[0], name: data.name })),
  ];
  it.each(keys)("$name", ({ data, kind, name }: { data: VersionedData; kind: number; name: string }) => {
    expect(message(name).apiKey).toBe(kind);
    expect(data.versions[0] <= kind && kind <= data.versions[1]).toBe(true);
    expect(differences({ ...data, versions: [kind, kind], offset: kind }, message(name))).toEqual([]);
  });
});

describe("a schema that differs is found out", () => {
  const fields: Fields = {
    name: "string",
    id: { type: "int64", versions: "1+", nullable: "2+", default: -1 },
    parts: { array: { index: "int32", note: { type: "string", tag: 3, tagged: "2+" } } },
  };
  const kafka: KafkaMessage = {
    versions: "0-2",
    flexible: "2+",
    fields: [
      { name: "name", type: "string", versions: "0+" },
      { name: "id", type: "int64", versions: "1+", nullable: "2+", default: "-1" },
      {
        name: "parts",
        type: "[]Part",
        versions: "0+",
        fields: [
          { name: "index", type: "int32", versions: "0+" },
          { name: "note", type: "string", versions: "2+", tagged: "2+", tag: 3 },
        ],
      },
    ],
  };
  const compare = (changed: Fields, rest: Partial<Api> = {}): string[] =>
    differences({ fields: changed, flexible: 2, versions: [0, 2], ...rest }, kafka);
  const { name, id, parts } = fields as { name: "string"; id: object; parts: object };

  it("says nothing of one that is the same", () => {
    expect(compare(fields)).toEqual([]);
  });

  it.each([
    ["a type", { ...fields, name: "bytes" }, "v0: not in Kafka: name bytes default empty"],
    ["a field too few", { name, id } as Fields, "v0: missing: parts []struct default empty"],
    ["a field too many", { ...fields, more: "bool" }, "v0: not in Kafka: more bool default false"],
    ["versions", { ...fields, id: { ...id, versions: "2+" } }, "v1: missing: id int64 default -1"],
    ["nullability", { ...fields, id: { ...id, nullable: "1+" } }, "v1: not in Kafka: id int64 nullable default -1"],
    ["a default", { ...fields, id: { ...id, default: 0 } }, "v1: not in Kafka: id int64 default 0"],
    ["the order", { name, parts, id } as Fields, "v1: the order differs"],
    [
      "a tag",
      { ...fields, parts: { array: { index: "int32", note: { type: "string", tag: 4, tagged: "2+" } } } },
      "v2: missing: parts.note string tag 3 default empty",
    ],
    [
      "a nested type",
      { ...fields, parts: { array: { index: "int16", note: { type: "string", tag: 3, tagged: "2+" } } } },
      "v0: missing: parts.index int32 default 0",
    ],
    ["an array of primitives", { ...fields, parts: { array: "int32" } }, "v0: missing: parts []struct default empty"],
  ] as [string, Fields, string][])("%s", (_what, changed, expected) => {
    expect(compare(changed)).toContain(expected);
  });

  it("the first flexible version", () => {
    expect(compare(fields, { flexible: 1 })).toContain("v1: Kafka has it flexible: false");
    expect(compare(fields, { flexible: null })).toContain("v2: Kafka has it flexible: true");
  });

  it("a version that Kafka has not", () => {
    expect(compare(fields, { versions: [0, 3] })).toContain("v3: Kafka has no such version");
  });
});
