/** Who a quota is for, and which quotas there are (KIP-546). Pure. */

const entityTypes = ["user", "client-id", "ip"] as const;
export type EntityType = (typeof entityTypes)[number];

/** A name for each type that counts; null stands for everybody who has no quota by name. */
export type QuotaEntity = ReadonlyMap<EntityType, string | null>;

export interface ClientQuota {
  readonly entity: QuotaEntity;
  /** One at least. */
  readonly limits: ReadonlyMap<string, number>;
}

export const PRODUCER_BYTE_RATE = "producer_byte_rate";
export const CONSUMER_BYTE_RATE = "consumer_byte_rate";
export const REQUEST_PERCENTAGE = "request_percentage";
export const CONTROLLER_MUTATION_RATE = "controller_mutation_rate";
export const CONNECTION_CREATION_RATE = "connection_creation_rate";

interface QuotaDefinition {
  readonly isWhole: boolean;
  readonly max: number;
}

const clientQuotas: ReadonlyMap<string, QuotaDefinition> = new Map([
  [PRODUCER_BYTE_RATE, { isWhole: true, max: 2 ** 63 }],
  [CONSUMER_BYTE_RATE, { isWhole: true, max: 2 ** 63 }],
  [REQUEST_PERCENTAGE, { isWhole: false, max: Number.POSITIVE_INFINITY }],
  [CONTROLLER_MUTATION_RATE, { isWhole: false, max: Number.POSITIVE_INFINITY }],
]);
const addressQuotas: ReadonlyMap<string, QuotaDefinition> = new Map([
  [CONNECTION_CREATION_RATE, { isWhole: true, max: 2 ** 31 - 1 }],
]);

export function isEntityType(text: string): text is EntityType {
  return entityTypes.some((type) => type === text);
}

/** The same for entities that are the same, and readable by `entityOf`. */
export function entityKey(entity: QuotaEntity): string {
  return JSON.stringify([...entity].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function entityOf(key: string): QuotaEntity {
  return new Map(JSON.parse(key) as [EntityType, string | null][]);
}

/** Why there can be no quota for an entity; undefined when there can. */
export function entityProblem(entity: QuotaEntity): string | undefined {
  if (entity.size === 0) return "Invalid empty client quota entity";
  for (const [type, name] of entity) if (name === "") return `Empty ${type} not supported`;
  if (!entity.has("ip")) return undefined;
  if (entity.size > 1) return "Invalid quota entity combination, an IP entity goes with no user or client-id";
  const address = entity.get("ip") ?? null;
  return address === null || isAddress(address) ? undefined : `${address} is not a valid IP address`;
}

/** Why an entity cannot have that quota; undefined when it can. */
export function limitProblem(entity: QuotaEntity, key: string, limit: number): string | undefined {
  const definition = (entity.has("ip") ? addressQuotas : clientQuotas).get(key);
  if (!definition) return `Invalid configuration key ${key}`;
  if (!(limit > 0)) return `Quota ${key} must be greater than 0`;
  if (limit > definition.max) return `Proposed value for ${key} is too large`;
  if (definition.isWhole && Math.abs(limit % 1) > 1e-6) return `${key} cannot be a fractional value.`;
  return undefined;
}

function isAddress(text: string): boolean {
  const bytes = text.split(".");
  const isV4 = bytes.length === 4 && bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256);
  return isV4 || (text.includes(":") && /^[\da-f:.]+$/i.test(text));
}
