/** What requests about clients' quotas mean (KIP-546). Pure. */
import type { alterClientQuotas } from "../../protocol/apis/alter-client-quotas.ts";
import type { describeClientQuotas } from "../../protocol/apis/describe-client-quotas.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import {
  type ClientQuota,
  type EntityType,
  entityKey,
  entityProblem,
  isEntityType,
  limitProblem,
  type QuotaEntity,
} from "../quotas/quota-entity.ts";
import type { MetadataImage } from "./image.ts";
import { type Refusal, refuse } from "./refusal.ts";

type Alteration = RequestOf<typeof alterClientQuotas>["entries"][number];
type Component = RequestOf<typeof describeClientQuotas>["components"][number];

export type QuotaOutcome = { readonly ok: true; readonly quota: ClientQuota } | Refusal;

const MATCH_EXACT = 0;
const MATCH_DEFAULT = 1;
const MATCH_ANY = 2;

/** The quota as it will be. */
export function decideQuota(image: MetadataImage, { entity: parts, ops }: Alteration): QuotaOutcome {
  const entity = new Map<EntityType, string | null>();
  for (const { entityType, entityName } of parts) {
    if (!isEntityType(entityType))
      return refuse("INVALID_REQUEST", `Unhandled client quota entity type: ${entityType}`);
    if (entity.has(entityType)) return refuse("INVALID_REQUEST", `Duplicate client quota entity entry ${entityType}`);
    entity.set(entityType, entityName);
  }
  const problem = entityProblem(entity);
  if (problem !== undefined) return refuse("INVALID_REQUEST", problem);
  if (new Set(ops.map(({ key }) => key)).size !== ops.length) {
    return refuse("INVALID_REQUEST", "Duplicate quota key");
  }
  const limits = new Map(image.quotas.get(entityKey(entity))?.limits);
  for (const { key, value, remove } of ops) {
    if (remove) limits.delete(key);
    else {
      const limit = limitProblem(entity, key, value);
      if (limit !== undefined) return refuse("INVALID_REQUEST", limit);
      limits.set(key, value);
    }
  }
  return { ok: true, quota: { entity, limits } };
}

/** The quotas whose entities fit all `components`; with `isStrict`, have no other parts than those. */
export function findQuotas(
  image: MetadataImage,
  components: readonly Component[],
  isStrict: boolean,
): readonly ClientQuota[] | Refusal {
  const seen = new Set<string>();
  for (const component of components) {
    const problem = componentProblem(component);
    if (problem) return problem;
    const { entityType } = component;
    if (seen.has(entityType)) {
      return refuse("INVALID_REQUEST", `Entity type ${entityType} cannot appear more than once in the filter.`);
    }
    seen.add(entityType);
  }
  if (seen.has("ip") && seen.size > 1) {
    return refuse("INVALID_REQUEST", "An IP filter component goes with no user or client-id filter component.");
  }
  return [...image.quotas.values()].filter(
    ({ entity }) =>
      (!isStrict || entity.size === components.length) && components.every((component) => fits(entity, component)),
  );
}

function componentProblem({ entityType, matchType, match }: Component): Refusal | undefined {
  if (entityType === "") return refuse("INVALID_REQUEST", "Invalid empty entity type.");
  if (!isEntityType(entityType)) return refuse("UNSUPPORTED_VERSION", `Unsupported entity type ${entityType}`);
  if (matchType === MATCH_EXACT) {
    return match === null ? refuse("INVALID_REQUEST", "An exact match needs a name.") : undefined;
  }
  if (matchType === MATCH_DEFAULT || matchType === MATCH_ANY) {
    return match === null ? undefined : refuse("INVALID_REQUEST", "Only an exact match has a name.");
  }
  return refuse("INVALID_REQUEST", `Unknown match type ${matchType}`);
}

function fits(entity: QuotaEntity, { entityType, matchType, match }: Component): boolean {
  if (!isEntityType(entityType) || !entity.has(entityType)) return false;
  return matchType === MATCH_ANY || entity.get(entityType) === match;
}
