/** DescribeClientQuotas and AlterClientQuotas (KIP-546). */
import { alterClientQuotas } from "../../protocol/apis/alter-client-quotas.ts";
import { describeClientQuotas } from "../../protocol/apis/describe-client-quotas.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { decideQuota, findQuotas, type QuotaOutcome } from "../metadata/quota-decisions.ts";
import { quotaRecord } from "../metadata/records.ts";
import { refuse } from "../metadata/refusal.ts";
import type { Handler } from "../router.ts";
import { duplicatesOf } from "./duplicates.ts";

type AlterRequest = RequestOf<typeof alterClientQuotas>;
type EntityParts = AlterRequest["entries"][number]["entity"];

export function describeClientQuotasHandler({ image }: BrokerServices): Handler<typeof describeClientQuotas> {
  return {
    api: describeClientQuotas,
    handle({ components, strict }, _context, reply) {
      const found = findQuotas(image, components, strict);
      if ("ok" in found) {
        const { error, message } = found;
        reply({ throttleTimeMs: 0, errorCode: errorCodes[error], errorMessage: message, entries: null });
        return;
      }
      const entries = found.map(({ entity, limits }) => ({
        entity: [...entity].map(([entityType, entityName]) => ({ entityType, entityName })),
        values: [...limits].map(([key, value]) => ({ key, value })),
      }));
      reply({ throttleTimeMs: 0, errorCode: errorCodes.NONE, errorMessage: null, entries });
    },
  };
}

export function alterClientQuotasHandler(services: BrokerServices): Handler<typeof alterClientQuotas> {
  return {
    api: alterClientQuotas,
    async handle(request, _context, reply) {
      const outcomes = await alter(services, request);
      const entries = request.entries.map(({ entity }, i) => {
        const outcome = outcomes[i];
        const error = outcome?.ok === false ? outcome.error : "NONE";
        return { errorCode: errorCodes[error], errorMessage: outcome?.ok === false ? outcome.message : null, entity };
      });
      reply({ throttleTimeMs: 0, entries });
    },
  };
}

/** Outcomes in the order of the request. Each entity stands for itself. */
function alter({ metadata }: BrokerServices, { entries, validateOnly }: AlterRequest): Promise<QuotaOutcome[]> {
  const duplicates = duplicatesOf(entries.map(({ entity }) => keyOf(entity)));
  return metadata.changeEach(entries, {
    validateOnly,
    decide: (image, entry): QuotaOutcome => {
      if (!duplicates.has(keyOf(entry.entity))) return decideQuota(image, entry);
      return refuse("INVALID_REQUEST", "Each entity must appear at most once.");
    },
    recordOf: ({ quota }) => quotaRecord(quota),
  });
}

function keyOf(parts: EntityParts): string {
  return JSON.stringify(parts.map(({ entityType, entityName }) => [entityType, entityName]).sort());
}
