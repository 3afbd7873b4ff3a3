/** ListConfigResources: what has settings (KIP-1142). */
import { listConfigResources } from "../../protocol/apis/list-config-resources.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import {
  BROKER_LOGGER_RESOURCE,
  BROKER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
  TOPIC_RESOURCE,
} from "./config-resources.ts";

type ConfigResource = ResponseBody<typeof listConfigResources>["configResources"][number];

const KNOWN_TYPES: readonly number[] = [
  TOPIC_RESOURCE,
  BROKER_RESOURCE,
  BROKER_LOGGER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
];

/** The first version that asks for types; before it only client metrics were listed. */
const TYPES_VERSION = 1;

export function listConfigResourcesHandler(services: BrokerServices): Handler<typeof listConfigResources> {
  return {
    api: listConfigResources,
    handle(request, { apiVersion }, reply) {
      const all = apiVersion >= TYPES_VERSION ? KNOWN_TYPES : [CLIENT_METRICS_RESOURCE];
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

function resourcesOf(services: BrokerServices, resourceType: number): ConfigResource[] {
  return namesOf(services, resourceType).map((resourceName) => ({ resourceName, resourceType }));
}

function namesOf({ image, config }: BrokerServices, resourceType: number): readonly string[] {
  switch (resourceType) {
    case TOPIC_RESOURCE:
      return image.topics().map(({ name }) => name);
    case BROKER_RESOURCE:
      return [String(config.nodeId)];
    // Where log lines go is the affair of whoever started the broker.
    case BROKER_LOGGER_RESOURCE:
      return [];
    case CLIENT_METRICS_RESOURCE:
      return image.configured("client-metrics");
    default:
      return image.configured("group");
  }
}
