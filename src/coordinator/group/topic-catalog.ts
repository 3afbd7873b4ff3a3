/** What a group coordinator knows of topics: groups of the new protocol are assigned partitions by it. */
export interface TopicCatalog {
  /** Another number after every change of what the rest says. */
  readonly version: number;
  topic(name: string): { readonly id: string; readonly partitionCount: number } | undefined;
  /** Undefined when there is no topic with this id (any more). */
  nameOf(topicId: string): string | undefined;
  names(): Iterable<string>;
}

/** Stands for topics as they are: another one when one comes, goes, grows, or is another under the old name; 0 when there is
 * none. `topics` are in the order of their names. */
export function topicsHash(
  topics: ReadonlyMap<string, { readonly id: string; readonly partitionCount: number }>,
): number {
  if (topics.size === 0) return 0;
  return hash53(Array.from(topics, ([name, { id, partitionCount }]) => `${name} ${id} ${partitionCount}`).join("\n"));
}

/** A hash of 53 bits, which a number holds exactly. Two rounds of FNV-1a with different seeds. */
function hash53(text: string): number {
  const bytes = Buffer.from(text);
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995);
    high ^= high >>> 13;
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
}
