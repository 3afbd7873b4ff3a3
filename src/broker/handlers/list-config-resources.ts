/** ListConfigResources: what has settings (KIP-1142). */
import { listConfigResources } from "../../protocol/apis/list-config-resources.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { BROKER_RESOURCE, GROUP_RESOURCE, TOPIC_RESOURCE } from "./describe-configs.ts";

type ConfigResource = ResponseBody<typeof listConfigResources>["configResources"][number];

/** Kafka's other types (broker loggers, client metrics) have no resources here. */
const KNOWN_TYPES: readonly number[] = [TOPIC_RESOURCE, BROKER_RESOURCE, 8, 16, GROUP_RESOURCE];

/** The first version that asks for types; before it only client metrics were listed. */
const TYPES_VERSION = 1;

export function listConfigResourcesHandler(services: BrokerServices): Handler<typeof listConfigResources> {
  return {
    api: listConfigResources,
    handle(request, { apiVersion }, reply) {
      const all = apiVersion >= TYPES_VERSION ? KNOWN_TYPES : [];
      const types = new Set(request.resourceTypes.length > 0 ? request.resourceTypes : all);
      if ([...types].some((type) => !KNOWN_TYPES.includes(type))) {
        reply({ throttleTimeMs: 0, errorCode: errorCodes.UNSUPPORTED_VERSION, configResources: [] });
        return;
      }
      const configResources = [...types].flatMap((type) => resourcesOf(services, type));
      reply({ throttleTimeMs: 0, errorCode: errorCodes.NONE, configResources });
    },
  };
}

function resourcesOf({ image, config }: BrokerServices, resourceType: number): ConfigResource[] {
  if (resourceType === BROKER_RESOURCE) return [{ resourceName: String(config.nodeId), resourceType }];
  if (resourceType === TOPIC_RESOURCE) return image.topics().map(({ name }) => ({ resourceName: name, resourceType }));
  if (resourceType === GROUP_RESOURCE) {
    return image.groupsWithConfigs().map((resourceName) => ({ resourceName, resourceType }));
  }
  return [];
}
