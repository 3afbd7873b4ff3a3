/** Makes the answers of two brokers comparable: names instead of what each of them chose for itself. */
import { errorName } from "../../../src/protocol/errors.ts";
import { batchesIn } from "../../../src/protocol/records/batch.ts";
import { readMarker } from "../../../src/protocol/records/control.ts";
import { decodeRecords } from "../../../src/protocol/records/record.ts";

export type Canonical = null | boolean | number | string | readonly Canonical[] | { readonly [key: string]: Canonical };

/** What no client decides anything by, or what is the host's. */
const dropped: ReadonlySet<string> = new Set([
  "throttleTimeMs",
  "errorMessage",
  "batchIndexErrorMessage",
  "nodeEndpoints",
  "host",
  "port",
  "clientHost",
  "authorizedOperations",
]);
const errorKeys: ReadonlySet<string> = new Set(["errorCode", "partitionErrorCode"]);
const memberKeys: ReadonlySet<string> = new Set(["memberId", "leader"]);
const timeKeys: ReadonlySet<string> = new Set([
  "timestamp",
  "lastTimestamp",
  "logAppendTimeMs",
  "transactionStartTimeMs",
]);

const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** The names of one broker's ids within one script, given in the order in which they are first seen. */
export class Canonicalizer {
  readonly #prefix: string;
  readonly #epochMs: number;
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** Ids that are new get no name for now. */
  #isGlancing = false;

  /** `prefix`: what the script's names begin with. `epochMs`: the time that its records count from. */
  constructor(prefix: string, epochMs: number) {
    this.#prefix = prefix;
    this.#epochMs = epochMs;
  }

  /** Gives a topic its name before an answer has it, where its place may be another one on each side. */
  introduceTopic(topicId: string): void {
    this.#name("topic", topicId);
  }

  canonical(value: unknown, key = ""): Canonical {
    if (value instanceof Uint8Array)
      return key === "records" ? this.#records(value) : this.#text(`${Buffer.from(value)}`);
    if (Array.isArray(value)) return this.#array(value, key);
    if (typeof value === "object" && value !== null) return this.#object(value);
    if (typeof value === "number") return this.#number(value, key);
    if (typeof value === "string") return this.#string(value, key);
    if (typeof value === "boolean" || value === null) return value;
    return String(value);
  }

  #array(values: readonly unknown[], key: string): Canonical {
    const result = this.#inOrder(values, key).map((each) => this.canonical(each, key));
    // No client relies on their order.
    if (result.every((each) => typeof each === "object")) {
      return result
        .map((each) => [JSON.stringify(each), each] as const)
        .sort(byText)
        .map(([, each]) => each);
    }
    return result.toSorted();
  }

  /** As what is known of them says, so that the new ones among them are named alike on both sides. */
  #inOrder(values: readonly unknown[], key: string): readonly unknown[] {
    if (values.length < 2 || this.#isGlancing) return values;
    this.#isGlancing = true;
    const glances = values.map((each) => [JSON.stringify(this.canonical(each, key)), each] as const);
    this.#isGlancing = false;
    return glances.sort(byText).map(([, each]) => each);
  }

  #object(value: object): Canonical {
    const result: Record<string, Canonical> = {};
    for (const [key, each] of Object.entries(value)) if (!dropped.has(key)) result[key] = this.canonical(each, key);
    return result;
  }

  #number(value: number, key: string): Canonical {
    if (errorKeys.has(key)) return errorName(value);
    if (key === "producerId") return value > 0 ? this.#name("producer", String(value)) : value;
    if (key === "sessionId") return value > 0 ? this.#name("session", String(value)) : value;
    if (timeKeys.has(key)) return this.#time(value);
    return value;
  }

  /** Records carry times that count from the script's; everything else is the broker's clock. */
  #time(value: number): Canonical {
    if (value <= 0) return value;
    const since = value - this.#epochMs;
    return since >= 0 && since < 1000 ? `+${since}` : "now";
  }

  #string(value: string, key: string): Canonical {
    if (memberKeys.has(key)) return value === "" ? "" : this.#name("member", value);
    if (key === "topicId") return value === ZERO_UUID ? "none" : this.#name("topic", value);
    return this.#text(value);
  }

  #text(value: string): string {
    return value.replaceAll(this.#prefix, "");
  }

  #name(kind: string, id: string): string {
    const known = this.#names.get(`${kind} ${id}`);
    if (known !== undefined) return known;
    if (this.#isGlancing) return kind;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = `${kind}-${count}`;
    this.#names.set(`${kind} ${id}`, name);
    return name;
  }

  #records(bytes: Uint8Array): Canonical {
    return [...batchesIn(bytes)].map((batch) => {
      const { baseOffset, producerId, producerEpoch, baseSequence, isTransactional, leaderEpoch } = batch;
      const content = batch.isControl
        ? `${readMarker(batch)?.type} by coordinator ${readMarker(batch)?.coordinatorEpoch}`
        : decodeRecords(batch)
            .map(({ offset, value }) => `${offset}=${Buffer.from(value ?? "")}`)
            .join(" ");
      const producer =
        producerId < 0 ? "" : ` ${this.#name("producer", String(producerId))}/${producerEpoch} from ${baseSequence}`;
      return `${baseOffset}${isTransactional ? " txn" : ""}${producer} in ${leaderEpoch}: ${content}`;
    });
  }
}

function byText([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The innermost parts in which two answers differ. */
export function differingParts(
  ours: Canonical | undefined,
  theirs: Canonical | undefined,
  path = "",
): { readonly path: string; readonly ours: Canonical | undefined; readonly theirs: Canonical | undefined }[] {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return [];
  if (!isComposite(ours) || !isComposite(theirs) || Array.isArray(ours) !== Array.isArray(theirs)) {
    return [{ path, ours, theirs }];
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [...keys].flatMap((key) => differingParts(ours[key], theirs[key], `${path}.${key}`));
}

function isComposite(value: Canonical | undefined): value is { readonly [key: string]: Canonical } {
  return typeof value === "object" && value !== null;
}
