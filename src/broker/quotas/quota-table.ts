/** The limits of one kind, by whom they are for. Pure. */
import { type ClientQuota, type EntityType, entityKey, type QuotaEntity } from "./quota-entity.ts";

export interface FoundLimit {
  readonly limit: number;
  /** Clients with the same share the limit. */
  readonly sharedBy: string;
}

/** Who has not said who it is; all of this broker's clients, as long as it has no authentication. */
const ANONYMOUS = "ANONYMOUS";

/** Names are free to choose. */
const MAX_KNOWN = 10_000;

export class QuotaTable {
  readonly #limits = new Map<string, number>();
  /** What was found before. */
  readonly #known = new Map<string, FoundLimit | undefined>();

  static byKey(quotas: readonly ClientQuota[]): ReadonlyMap<string, QuotaTable> {
    const tables = new Map<string, QuotaTable>();
    for (const { entity, limits } of quotas) {
      for (const [key, limit] of limits) {
        const table = tables.get(key) ?? new QuotaTable();
        tables.set(key, table);
        table.#limits.set(entityKey(entity), limit);
      }
    }
    return tables;
  }

  /** The most specific limit: who is named before everybody else, and the user before the client. A limit of users is
   * shared by their clients, one of clients by all who use the name. */
  limitOf(clientId: string): FoundLimit | undefined {
    const known = this.#known.get(clientId);
    if (known || this.#known.has(clientId)) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const found = this.#limitOf(clientId);
    this.#known.set(clientId, found);
    return found;
  }

  #limitOf(clientId: string): FoundLimit | undefined {
    const user = ANONYMOUS;
    return (
      this.#find(`${user}/${clientId}`, ["user", user], ["client-id", clientId]) ??
      this.#find(`${user}/${clientId}`, ["user", user], ["client-id", null]) ??
      this.#find(user, ["user", user]) ??
      this.#find(`${user}/${clientId}`, ["user", null], ["client-id", clientId]) ??
      this.#find(`${user}/${clientId}`, ["user", null], ["client-id", null]) ??
      this.#find(user, ["user", null]) ??
      this.#find(`/${clientId}`, ["client-id", clientId]) ??
      this.#find(`/${clientId}`, ["client-id", null])
    );
  }

  limitOfAddress(address: string): FoundLimit | undefined {
    return this.#find(address, ["ip", address]) ?? this.#find(address, ["ip", null]);
  }

  #find(sharedBy: string, ...parts: readonly (readonly [EntityType, string | null])[]): FoundLimit | undefined {
    const entity: QuotaEntity = new Map(parts);
    const limit = this.#limits.get(entityKey(entity));
    return limit === undefined ? undefined : { limit, sharedBy };
  }
}
