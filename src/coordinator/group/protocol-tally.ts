/** One way in which a member can divide the work, and what it tells the leader about itself in that way's terms. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** Counts how many of a group's members support each protocol: a group can use those that all of them do. */
export class ProtocolTally {
  readonly #counts = new Map<string, number>();

  add(protocols: readonly MemberProtocol[]): void {
    for (const { name } of protocols) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  remove(protocols: readonly MemberProtocol[]): void {
    for (const { name } of protocols) {
      const count = this.#counts.get(name) ?? 0;
      if (count > 1) this.#counts.set(name, count - 1);
      else this.#counts.delete(name);
    }
  }

  /** Whether `supporters` members support the protocol. */
  has(name: string, supporters: number): boolean {
    return (this.#counts.get(name) ?? 0) === supporters;
  }
}

/** The protocol that most members like best among those that all of them support. Members' lists are in the order of
 * preference. */
export function selectProtocol(
  memberProtocols: Iterable<readonly MemberProtocol[]>,
  isCandidate: (name: string) => boolean,
): string | undefined {
  const votes = new Map<string, number>();
  for (const protocols of memberProtocols) {
    const favourite = protocols.find(({ name }) => isCandidate(name));
    if (favourite) votes.set(favourite.name, (votes.get(favourite.name) ?? 0) + 1);
  }
  let selected: string | undefined;
  for (const [name, count] of votes) {
    if (selected === undefined || count > (votes.get(selected) ?? 0)) selected = name;
  }
  return selected;
}

/** Each name once, and bytes of their own: those of a request are only lent. */
export function keepProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  const byName = new Map<string, MemberProtocol>();
  for (const { name, metadata } of protocols) {
    if (!byName.has(name)) byName.set(name, { name, metadata: Uint8Array.from(metadata) });
  }
  return [...byName.values()];
}

export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, i) => {
      const other = b[i];
      return other?.name === protocol.name && sameBytes(other.metadata, protocol.metadata);
    })
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
