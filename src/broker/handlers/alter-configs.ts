/** IncrementalAlterConfigs, and its predecessor AlterConfigs that replaces all settings at once: of topics. */
import { alterConfigs } from "../../protocol/apis/alter-configs.ts";
import { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { effectiveConfig } from "../configs/log-config.ts";
import { decideConfigChanges, decideConfigs } from "../metadata/config-decisions.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { refuse, type TopicOutcome } from "../metadata/topic-decisions.ts";
import type { Handler } from "../router.ts";
import { TOPIC_RESOURCE } from "./describe-configs.ts";
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
      const responses = await alter(services, request.resources, request.validateOnly, (image, resource) =>
        decideConfigChanges(image, resource.resourceName, resource.configs, (name, topic) =>
          effectiveConfig(name, topic.configs, services.config),
        ),
      );
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

export function alterConfigsHandler(services: BrokerServices): Handler<typeof alterConfigs> {
  return {
    api: alterConfigs,
    async handle(request, _context, reply) {
      const responses = await alter(services, request.resources, request.validateOnly, (image, resource) =>
        decideConfigs(image, resource.resourceName, resource.configs),
      );
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

async function alter<R extends Resource>(
  { topics }: BrokerServices,
  resources: readonly R[],
  validateOnly: boolean,
  decide: (image: MetadataImage, resource: R) => TopicOutcome,
): Promise<Result[]> {
  const keyOf = ({ resourceType, resourceName }: Resource): string => `${resourceType}/${resourceName}`;
  const duplicates = duplicatesOf(resources.map(keyOf));
  const outcomes = await topics.alter(
    resources.map((resource) => (image) => {
      if (duplicates.has(keyOf(resource))) return refuse("INVALID_REQUEST", "Each resource must appear at most once.");
      if (resource.resourceType === TOPIC_RESOURCE) return decide(image, resource);
      return refuse(
        "INVALID_REQUEST",
        "Only the settings of topics can be changed; the broker's are given at its start.",
      );
    }),
    validateOnly,
  );
  return resources.map(({ resourceType, resourceName }, i): Result => {
    const outcome = outcomes[i];
    const error = outcome?.ok === false ? outcome.error : "NONE";
    const errorMessage = outcome?.ok === false ? outcome.message : null;
    return { errorCode: errorCodes[error], errorMessage, resourceType, resourceName };
  });
}
