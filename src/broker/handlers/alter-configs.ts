/** IncrementalAlterConfigs, and its predecessor AlterConfigs that replaces all settings at once: of topics and groups. */
import { alterConfigs } from "../../protocol/apis/alter-configs.ts";
import { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { effectiveConfig } from "../configs/log-config.ts";
import { decideConfigChanges, decideConfigs, type GroupConfigsOutcome } from "../metadata/config-decisions.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { refuse } from "../metadata/refusal.ts";
import type { TopicOutcome } from "../metadata/topic-decisions.ts";
import type { Handler } from "../router.ts";
import { GROUP_RESOURCE, TOPIC_RESOURCE } from "./describe-configs.ts";
import { duplicatesOf } from "./duplicates.ts";

type Result = ResponseBody<typeof incrementalAlterConfigs>["responses"][number];

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export function incrementalAlterConfigsHandler(services: BrokerServices): Handler<typeof incrementalAlterConfigs> {
  return {
    api: incrementalAlterConfigs,
    async handle(request, _context, reply) {
      const { resources, validateOnly } = request;
      const responses = await alter(services, resources, validateOnly, {
        topic: (image, { resourceName, configs }) =>
          decideConfigChanges(image, resourceName, configs, (name, topic) =>
            effectiveConfig(name, topic.configs, services.config),
          ),
        group: ({ resourceName, configs }) => services.groupConfigs.change(resourceName, configs, validateOnly),
      });
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

export function alterConfigsHandler(services: BrokerServices): Handler<typeof alterConfigs> {
  return {
    api: alterConfigs,
    async handle(request, _context, reply) {
      const { resources, validateOnly } = request;
      const responses = await alter(services, resources, validateOnly, {
        topic: (image, { resourceName, configs }) => decideConfigs(image, resourceName, configs),
        group: ({ resourceName, configs }) => services.groupConfigs.replace(resourceName, configs, validateOnly),
      });
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

/** How each kind of resource is changed. */
interface Changes<R> {
  topic(image: MetadataImage, resource: R): TopicOutcome;
  group(resource: R): Promise<GroupConfigsOutcome>;
}

async function alter<R extends Resource>(
  { topics }: BrokerServices,
  resources: readonly R[],
  validateOnly: boolean,
  changes: Changes<R>,
): Promise<Result[]> {
  const keyOf = ({ resourceType, resourceName }: Resource): string => `${resourceType}/${resourceName}`;
  const duplicates = duplicatesOf(resources.map(keyOf));
  const isGroup = (resource: R): boolean =>
    resource.resourceType === GROUP_RESOURCE && !duplicates.has(keyOf(resource));
  const outcomes = await topics.alter(
    resources.map((resource) => (image) => {
      if (duplicates.has(keyOf(resource))) return refuse("INVALID_REQUEST", "Each resource must appear at most once.");
      if (resource.resourceType === TOPIC_RESOURCE) return changes.topic(image, resource);
      return refuse(
        "INVALID_REQUEST",
        "Only the settings of topics and groups can be changed; the broker's are given at its start.",
      );
    }),
    validateOnly,
  );
  const groupOutcomes = await Promise.all(
    resources.map((resource) => (isGroup(resource) ? changes.group(resource) : undefined)),
  );
  return resources.map(({ resourceType, resourceName }, i): Result => {
    const outcome = groupOutcomes[i] ?? outcomes[i];
    const error = outcome?.ok === false ? outcome.error : "NONE";
    const errorMessage = outcome?.ok === false ? outcome.message : null;
    return { errorCode: errorCodes[error], errorMessage, resourceType, resourceName };
  });
}
