/** Features of the cluster, each switched on up to a level (KIP-584). Pure. */
import type { updateFeatures } from "../../protocol/apis/update-features.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import { type Refusal, refuse } from "./refusal.ts";

export interface Feature {
  readonly name: string;
  readonly minLevel: number;
  readonly maxLevel: number;
}

/** Each is at its highest level unless that was changed.
 * - group.version 1: the consumer protocol (KIP-848).
 * - metadata.version: that of Apache Kafka whose requests are served; what they change is kept in one way only.
 * - streams.version 1: streams groups (KIP-1071).
 * - transaction.version 2: transactions bump the producer's epoch and add partitions by themselves (KIP-890). The broker
 *   serves both kinds at once; the level tells clients which one to speak. */
export const supportedFeatures: readonly Feature[] = [
  { name: "group.version", minLevel: 0, maxLevel: 1 },
  { name: "metadata.version", minLevel: 30, maxLevel: 30 },
  { name: "streams.version", minLevel: 0, maxLevel: 1 },
  { name: "transaction.version", minLevel: 0, maxLevel: 2 },
];

/** What was changed, and how often. */
export interface FeatureLevels {
  readonly epoch: number;
  readonly levels: ReadonlyMap<string, number>;
}

export interface FeatureUpdate {
  readonly feature: string;
  readonly level: number;
  readonly type: "upgrade" | "safe downgrade" | "unsafe downgrade" | undefined;
}

const upgradeTypes: ReadonlyMap<number, FeatureUpdate["type"]> = new Map([
  [1, "upgrade"],
  [2, "safe downgrade"],
  [3, "unsafe downgrade"],
]);

export function levelOf({ levels }: FeatureLevels, name: string): number {
  return levels.get(name) ?? supportedFeatures.find((feature) => feature.name === name)?.maxLevel ?? 0;
}

/** Whether groups may speak the consumer protocol (KIP-848). */
export function hasConsumerProtocol(features: FeatureLevels): boolean {
  return levelOf(features, "group.version") > 0;
}

/** Whether Kafka Streams clients may leave their tasks to the coordinator (KIP-1071). */
export function hasStreamsProtocol(features: FeatureLevels): boolean {
  return levelOf(features, "streams.version") > 0;
}

/** Before version 1 there was a flag instead of a kind of change. */
export function readUpdates(
  { featureUpdates }: RequestOf<typeof updateFeatures>,
  apiVersion: number,
): readonly FeatureUpdate[] {
  return featureUpdates.map(({ feature, maxVersionLevel: level, allowDowngrade, upgradeType }) => {
    const byFlag = allowDowngrade ? "safe downgrade" : "upgrade";
    return { feature, level, type: apiVersion === 0 ? byFlag : upgradeTypes.get(upgradeType) };
  });
}

/** All updates or none. */
export function decideFeatures(
  present: FeatureLevels,
  updates: readonly FeatureUpdate[],
): { readonly ok: true; readonly features: FeatureLevels } | Refusal {
  const levels = new Map(present.levels);
  for (const update of updates) {
    const problem = updateProblem(levelOf({ epoch: 0, levels }, update.feature), update);
    if (problem !== undefined) {
      return refuse(
        "INVALID_UPDATE_VERSION",
        "The update failed for all features since the following feature had an error: " +
          `Invalid update version ${update.level} for feature ${update.feature}. ${problem}`,
      );
    }
    levels.set(update.feature, update.level);
  }
  const isChange = updates.some(({ feature }) => levels.get(feature) !== levelOf(present, feature));
  return { ok: true, features: isChange ? { epoch: present.epoch + 1, levels } : present };
}

/** The sentences are Apache Kafka's, since people search for them. */
function updateProblem(current: number, { feature, level, type }: FeatureUpdate): string | undefined {
  if (type === undefined) return "The controller does not support the given upgrade type.";
  if (level < 0) return "A feature version cannot be less than 0.";
  const supported = supportedFeatures.find(({ name }) => name === feature);
  if (!supported) return "This broker does not support this feature.";
  const { minLevel, maxLevel } = supported;
  if (level < minLevel || level > maxLevel) return `This broker only supports versions ${minLevel}-${maxLevel}`;
  if (level < current && type === "upgrade") {
    return "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";
  }
  return level > current && type !== "upgrade" ? "Can't downgrade to a newer version." : undefined;
}
