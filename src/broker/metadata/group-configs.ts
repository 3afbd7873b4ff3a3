/** Changes to the settings of groups, through the metadata log. */
import type { BrokerConfig } from "../options.ts";
import { decideGroupConfigChanges, decideGroupConfigs, type GroupConfigsOutcome } from "./config-decisions.ts";
import type { MetadataImage } from "./image.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { groupConfigsRecord } from "./records.ts";
import { refuse } from "./refusal.ts";

export class GroupConfigs {
  readonly #metadata: MetadataLog;
  readonly #config: BrokerConfig;

  constructor(metadata: MetadataLog, config: BrokerConfig) {
    this.#metadata = metadata;
    this.#config = config;
  }

  /** Changes single settings. */
  change(
    groupId: string,
    changes: Parameters<typeof decideGroupConfigChanges>[2],
    validateOnly: boolean,
  ): Promise<GroupConfigsOutcome> {
    return this.#make(groupId, validateOnly, (image) =>
      decideGroupConfigChanges(image, groupId, changes, this.#config),
    );
  }

  /** Replaces all settings. */
  replace(
    groupId: string,
    configs: Parameters<typeof decideGroupConfigs>[1],
    validateOnly: boolean,
  ): Promise<GroupConfigsOutcome> {
    return this.#make(groupId, validateOnly, () => decideGroupConfigs(groupId, configs, this.#config));
  }

  async #make(
    groupId: string,
    validateOnly: boolean,
    decide: (image: MetadataImage) => GroupConfigsOutcome,
  ): Promise<GroupConfigsOutcome> {
    try {
      return await this.#metadata.change((image) => {
        const result = decide(image);
        const records = result.ok && !validateOnly ? [groupConfigsRecord(groupId, result.configs)] : [];
        return { records, result };
      });
    } catch (error) {
      // The log has said why.
      if (!this.#metadata.isOffline) throw error;
      return refuse("KAFKA_STORAGE_ERROR", "The metadata log of the broker is offline.");
    }
  }
}
