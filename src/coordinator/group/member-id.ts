import { type Random, randomUuid } from "../../platform/random.ts";

/** An id must fit into the wire's strings, whatever its owner calls itself. */
const MAX_PREFIX_LENGTH = 255;

/** An id for a member: what it calls itself, and a UUID. */
export function newMemberId(random: Random, prefix: string): string {
  const hex = Buffer.from(randomUuid(random)).toString("hex");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return `${prefix.slice(0, MAX_PREFIX_LENGTH)}-${uuid}`;
}
