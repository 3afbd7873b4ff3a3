/** IncrementalAlterConfigs, and its predecessor AlterConfigs that replaces all settings at once. */
import { alterConfigs } from "../../protocol/apis/alter-configs.ts";
import { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { loadClientMetricsDefinitions } from "../configs/client-metrics-configs.ts";
import { type ConfigsOutcome, decideConfigChanges, decideConfigs } from "../metadata/config-decisions.ts";
import type { MetadataRecord } from "../metadata/records.ts";
import { type Refusal, refuse } from "../metadata/refusal.ts";
import type { Handler } from "../router.ts";
import {
  type ChangingResource,
  CLIENT_METRICS_RESOURCE,
  changingResource,
  type NamedResource,
} from "./config-resources.ts";
import { duplicatesOf } from "./duplicates.ts";

type Result = ResponseBody<typeof incrementalAlterConfigs>["responses"][number];

export function incrementalAlterConfigsHandler(services: BrokerServices): Handler<typeof incrementalAlterConfigs> {
  return {
    api: incrementalAlterConfigs,
    async handle({ resources, validateOnly }, _context, reply) {
      const responses = await alter(services, resources, validateOnly, (subject, { configs }) =>
        decideConfigChanges(subject, configs),
      );
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

export function alterConfigsHandler(services: BrokerServices): Handler<typeof alterConfigs> {
  return {
    api: alterConfigs,
    async handle({ resources, validateOnly }, _context, reply) {
      const responses = await alter(services, resources, validateOnly, (subject, { configs }) =>
        decideConfigs(subject, configs),
      );
      reply({ throttleTimeMs: 0, responses });
    },
  };
}

/** Each resource stands for itself. */
async function alter<R extends NamedResource>(
  services: BrokerServices,
  resources: readonly R[],
  validateOnly: boolean,
  decide: (subject: ChangingResource, resource: R) => ConfigsOutcome,
): Promise<Result[]> {
  const keyOf = ({ resourceType, resourceName }: R): string => `${resourceType}/${resourceName}`;
  const duplicates = duplicatesOf(resources.map(keyOf));
  const isOfClients = resources.some(({ resourceType }) => resourceType === CLIENT_METRICS_RESOURCE);
  // What needs not wait keeps its place among the changes of its connection.
  const clientMetricsDefinition = isOfClients ? await loadClientMetricsDefinitions() : () => undefined;
  const outcomes = await services.metadata.changeEach(resources, {
    validateOnly,
    decide: (image, resource): { readonly ok: true; readonly record: MetadataRecord } | Refusal => {
      if (duplicates.has(keyOf(resource))) return refuse("INVALID_REQUEST", "Each resource must appear at most once.");
      const subject = changingResource(services, image, resource, clientMetricsDefinition);
      if ("ok" in subject) return subject;
      const outcome = decide(subject, resource);
      return outcome.ok ? { ok: true, record: subject.recordOf(outcome.configs) } : outcome;
    },
    recordOf: ({ record }) => record,
  });
  return resources.map(({ resourceType, resourceName }, i): Result => {
    const outcome = outcomes[i];
    const error = outcome?.ok === false ? outcome.error : "NONE";
    const errorMessage = outcome?.ok === false ? outcome.message : null;
    return { errorCode: errorCodes[error], errorMessage, resourceType, resourceName };
  });
}
