/** Values for the fields of any schema: mostly such that a request gets far, sometimes such that it should not. */
import { type Field, type Fields, inRange, type Primitive, placeOf } from "../src/protocol/schema.ts";
import { anyRecords } from "./batches.ts";
import type { Dice } from "./dice.ts";

/** Topics that are there when a run begins; the last two have their records looked at. */
export const TOPICS = ["fuzz-0", "fuzz-1", "fuzz-compacted", "fuzz-dated"] as const;

const texts: Readonly<Record<string, readonly string[]>> = {
  topic: [
    ...TOPICS,
    ...TOPICS,
    "fuzz-new",
    "__consumer_offsets",
    "__transaction_state",
    "__cluster_metadata",
    "",
    ".",
    "a/b",
  ],
  group: ["group-0", "group-1", "group-2", ""],
  member: ["", "member-0", "member-1"],
  transaction: ["txn-0", "txn-1", "txn-2", ""],
  protocol: ["consumer", "range", "uniform", "connect"],
  config: ["retention.ms", "cleanup.policy", "segment.bytes", "min.insync.replicas", "unknown.setting"],
  number: ["1000", "1048576", "-1", "compact", "delete", "x"],
};

/** Which texts a field takes, by its name. */
const textsByField: readonly (readonly [RegExp, string])[] = [
  [/group.*id|^groups?$|groupsNames/i, "group"],
  [/transactionalId/i, "transaction"],
  [/^key$/i, "group"],
  [/memberId|instanceId/i, "member"],
  [/topic|^name$/i, "topic"],
  [/protocol|assignor/i, "protocol"],
  [/config/i, "config"],
  [/value/i, "number"],
];

export function anyStruct(dice: Dice, fields: Fields, version: number, depth = 0): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, field]) => placeOf(field, version) !== "absent");
  return Object.fromEntries(present.map(([name, field]) => [name, anyValue(dice, name, field, version, depth)]));
}

function anyValue(dice: Dice, name: string, field: Field, version: number, depth: number): unknown {
  if (typeof field === "string") return anyPrimitive(dice, name, field);
  if (field.nullable !== undefined && inRange(field.nullable, version) && dice.chance(0.15)) return null;
  if (field.default !== undefined && field.default !== null && dice.chance(0.5)) return field.default;
  if ("struct" in field) return anyStruct(dice, field.struct, version, depth + 1);
  if ("type" in field) return anyPrimitive(dice, name, field.type);
  const { array } = field;
  const count = dice.chance(0.02) ? 200 >> (4 * depth) : dice.pick([0, 1, 1, 1, 2, 3]);
  return Array.from({ length: count }, () =>
    typeof array === "string" ? anyPrimitive(dice, name, array) : anyStruct(dice, array, version, depth + 1),
  );
}

function anyPrimitive(dice: Dice, name: string, type: Primitive): unknown {
  switch (type) {
    case "bool":
      return dice.chance(0.5);
    case "int8":
      return dice.chance(0.8) ? dice.int(3) : (dice.edge() << 24) >> 24;
    case "int16":
      return name === "acks" ? dice.pick([-1, 1, 0]) : dice.chance(0.8) ? dice.int(4) - 1 : (dice.edge() << 16) >> 16;
    case "uint16":
      return dice.int(65_536);
    case "int32":
      return anyInt32(dice, name);
    case "uint32":
      return dice.int(2 ** 32);
    case "int64":
      return dice.chance(0.8) ? dice.int(2000) - 2 : dice.pick([-1, 2 ** 53, -(2 ** 53), 2 ** 62, dice.edge()]);
    case "float64":
      return dice.pick([0, 1, -1, 1e9, Number.POSITIVE_INFINITY, 0.5]);
    case "string":
      return anyText(dice, name);
    case "uuid":
      return dice.bytes(16).toString("base64url");
    case "bytes":
      return dice.bytes(dice.int(60));
    case "records":
      return anyRecords(dice);
  }
}

function anyInt32(dice: Dice, name: string): number {
  if (/ms$/i.test(name)) return dice.pick([0, 1, 20, 100, 1000, 30_000, dice.edge()]);
  if (/bytes$/i.test(name)) return dice.pick([0, 1, 1000, 1_000_000, 2 ** 31 - 1]);
  if (/count|numPartitions/i.test(name)) return dice.pick([1, 2, 3, -1, 0, 2 ** 31 - 1]);
  return dice.chance(0.85) ? dice.int(4) - 1 : dice.edge();
}

function anyText(dice: Dice, name: string): string {
  if (dice.chance(0.03)) return dice.pick(["x".repeat(300), "x".repeat(32_000), "\u{1f9a6}", "\0", "a b"]);
  const kind = textsByField.find(([pattern]) => pattern.test(name))?.[1] ?? "member";
  return dice.pick(texts[kind] ?? [""]);
}
