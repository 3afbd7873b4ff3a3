/** Which clients a subscription to metrics is for (KIP-714): a list of what=pattern. The patterns are RE2's, which Kafka's brokers
 * go over to as well: clients choose what they are compared to, and none may hold up the broker by it. */
import { compileRegex, type Regex } from "../../coordinator/regex.ts";

const attributes = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
] as const;

type ClientAttribute = (typeof attributes)[number];

/** What there is to know of a client. */
export type ClientAttributes = Readonly<Record<ClientAttribute, string>>;

/** Of two patterns about the same, the latter counts. */
export type ClientMatch = ReadonlyMap<ClientAttribute, Regex>;

/** Whether every pattern matches the whole of what it is about; without any it is for all clients. */
export function isFor(match: ClientMatch, client: ClientAttributes): boolean {
  return [...match].every(([what, pattern]) => pattern.matches(client[what]));
}

/** From a setting in canonical form. */
export function parseMatch(text: string): ClientMatch | { readonly problem: string } {
  const match = new Map<ClientAttribute, Regex>();
  for (const element of text === "" ? [] : text.split(",")) {
    const [, name = "", pattern = ""] = /^([^=]+)=([^=]+)=*$/.exec(element) ?? [];
    if (pattern === "") return { problem: `"${element}" is not of the form what=pattern` };
    const what = attributes.find((attribute) => attribute === name.trim());
    if (what === undefined) return { problem: `"${name.trim()}" is none of ${attributes.join(", ")}` };
    const compiled = compileRegex(pattern.trim());
    if ("problem" in compiled) return { problem: `"${pattern.trim()}" is no regular expression: ${compiled.problem}` };
    match.set(what, compiled);
  }
  return match;
}

export function matchProblem(text: string): string | undefined {
  const parsed = parseMatch(text);
  return "problem" in parsed ? parsed.problem : undefined;
}
