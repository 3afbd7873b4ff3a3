/** DescribeConfigs, of topics, groups and the broker. */
import { describeConfigs } from "../../protocol/apis/describe-configs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { describeBrokerConfigs } from "../configs/broker-configs.ts";
import { type DescribedConfig, describeTopicConfigs } from "../configs/describe.ts";
import { describeGroupConfigs } from "../configs/group-configs.ts";
import { type Refusal, refuse } from "../metadata/refusal.ts";
import { topicNameProblem } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

type DescribeRequest = RequestOf<typeof describeConfigs>;
type Resource = DescribeRequest["resources"][number];
type Result = ResponseBody<typeof describeConfigs>["results"][number];

/** The kinds of resources that have settings. */
export const TOPIC_RESOURCE = 2;
export const BROKER_RESOURCE = 4;
export const GROUP_RESOURCE = 32;

export function describeConfigsHandler(services: BrokerServices): Handler<typeof describeConfigs> {
  return {
    api: describeConfigs,
    handle(request, _context, reply) {
      reply({
        throttleTimeMs: 0,
        results: request.resources.map((resource) => describe(services, resource, request)),
      });
    },
  };
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

function configsOf(services: BrokerServices, { resourceType, resourceName }: Resource): DescribedConfig[] | Refusal {
  const { image, config, endpoints } = services;
  if (resourceType === TOPIC_RESOURCE) {
    const problem = topicNameProblem(resourceName);
    if (problem !== undefined) return refuse("INVALID_TOPIC_EXCEPTION", problem);
    const topic = image.topic(resourceName);
    if (!topic) return refuse("UNKNOWN_TOPIC_OR_PARTITION", `The topic '${resourceName}' does not exist.`);
    return describeTopicConfigs(topic.configs, config);
  }
  if (resourceType === BROKER_RESOURCE) {
    // An empty name asks for what was changed for all brokers at run time: nothing.
    if (resourceName === "") return [];
    if (resourceName === String(config.nodeId)) return describeBrokerConfigs(config, endpoints);
    return refuse(
      "INVALID_REQUEST",
      `Unexpected broker id, expected ${config.nodeId} or empty string, but received ${resourceName}`,
    );
  }
  if (resourceType === GROUP_RESOURCE) {
    if (resourceName === "") return refuse("INVALID_REQUEST", "Group name must not be empty");
    return describeGroupConfigs(image.groupConfigs(resourceName) ?? new Map(), config);
  }
  return refuse("INVALID_REQUEST", `Resources of type ${resourceType} have no settings here.`);
}
