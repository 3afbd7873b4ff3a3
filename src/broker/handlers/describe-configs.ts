/** DescribeConfigs, of all that has settings. */
import { describeConfigs } from "../../protocol/apis/describe-configs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { describeClientMetricsConfigs } from "../configs/client-metrics-configs.ts";
import {
  type BrokerLayers,
  type DescribedConfig,
  describeAllBrokersConfigs,
  describeBrokerConfigs,
  describeGroupConfigs,
  describeTopicConfigs,
} from "../configs/describe.ts";
import { ALL_BROKERS } from "../metadata/config-resource.ts";
import { type Refusal, refuse } from "../metadata/refusal.ts";
import type { Handler } from "../router.ts";
import {
  BROKER_RESOURCE,
  brokerNameProblem,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
  type NamedResource,
  TOPIC_RESOURCE,
  topicNotFound,
} from "./config-resources.ts";
import { eachOnce } from "./duplicates.ts";

type DescribeRequest = RequestOf<typeof describeConfigs>;
type Resource = DescribeRequest["resources"][number];
type Result = ResponseBody<typeof describeConfigs>["results"][number];

export function describeConfigsHandler(services: BrokerServices): Handler<typeof describeConfigs> {
  return {
    api: describeConfigs,
    handle(request, _context, reply) {
      reply({
        throttleTimeMs: 0,
        results: eachOnce(request.resources, keyOf).map((resource) => describe(services, resource, request)),
      });
    },
  };
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType}/${resourceName}`;
}

function describe(services: BrokerServices, resource: Resource, request: DescribeRequest): Result {
  const { resourceType, resourceName, configurationKeys } = resource;
  const found = configsOf(services, resource);
  if (!Array.isArray(found)) {
    const { error, message } = found;
    return { errorCode: errorCodes[error], errorMessage: message, resourceType, resourceName, configs: [] };
  }
  const asked = configurationKeys && configurationKeys.length > 0 ? new Set(configurationKeys) : undefined;
  const configs = found
    .filter(({ name }) => !asked || asked.has(name))
    .map((config) => ({
      ...config,
      synonyms: request.includeSynonyms ? config.synonyms : [],
      documentation: request.includeDocumentation ? (config.documentation ?? null) : null,
    }));
  return { errorCode: errorCodes.NONE, errorMessage: null, resourceType, resourceName, configs };
}

function configsOf(services: BrokerServices, resource: NamedResource): DescribedConfig[] | Refusal {
  const { image, config, endpoints } = services;
  const { resourceType, resourceName: name } = resource;
  switch (resourceType) {
    case TOPIC_RESOURCE: {
      const topic = image.topic(name);
      return topic ? describeTopicConfigs(topic.configs, layersOf(services)) : topicNotFound(name);
    }
    case BROKER_RESOURCE: {
      if (name === ALL_BROKERS) return describeAllBrokersConfigs(layersOf(services));
      return brokerNameProblem(services, name) ?? describeBrokerConfigs(layersOf(services), endpoints);
    }
    case CLIENT_METRICS_RESOURCE:
      if (name === "") return refuse("INVALID_REQUEST", "Client metrics subscription name must not be empty");
      return describeClientMetricsConfigs(image.configsOf("client-metrics", name));
    case GROUP_RESOURCE:
      if (name === "") return refuse("INVALID_REQUEST", "Group name must not be empty");
      return describeGroupConfigs(image.configsOf("group", name), config);
    default:
      return refuse("INVALID_REQUEST", `Resources of type ${resourceType} have no settings here.`);
  }
}

export function layersOf({ image, config, startConfig }: BrokerServices): BrokerLayers {
  const own = image.configsOf("broker", String(config.nodeId));
  return { own, ofAll: image.configsOf("broker", ALL_BROKERS), start: startConfig };
}
