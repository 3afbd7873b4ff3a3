/** Randomness, as everything outside `platform/node` sees it. The simulator replaces it with a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  float(): number;
  /** `length` random bytes, fit for identifiers. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** An integer in [0, limit). */
export function randomInt(random: Random, limit: number): number {
  return Math.floor(random.float() * limit);
}

/** A version 4 UUID as 16 bytes, never one of Kafka's two reserved ids (all zero; zero and a final one). */
export function randomUuid(random: Random): Uint8Array<ArrayBuffer> {
  const id = random.bytes(16);
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id;
}
