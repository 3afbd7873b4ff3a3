/** CreatePartitions: makes topics wider. */
import { createPartitions } from "../../protocol/apis/create-partitions.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { duplicatesOf } from "./duplicates.ts";

type Result = ResponseBody<typeof createPartitions>["results"][number];

/** The first version that may be told THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const STRICT_QUOTA_VERSION = 3;

export function createPartitionsHandler({ topics, quotas }: BrokerServices): Handler<typeof createPartitions> {
  return {
    api: createPartitions,
    async handle(request, { clientId, apiVersion }, reply) {
      const duplicates = duplicatesOf(request.topics.map(({ name }) => name));
      const wanted = request.topics.filter(({ name }) => !duplicates.has(name));
      const quota = quotas.mutations(clientId, apiVersion >= STRICT_QUOTA_VERSION);
      const outcomes = await topics.addPartitions(wanted, request.validateOnly, quota);
      const results = outcomes.map((outcome, i): Result => {
        const name = wanted[i]?.name ?? "";
        if (outcome.ok) return { name, errorCode: errorCodes.NONE };
        return { name, errorCode: errorCodes[outcome.error], errorMessage: outcome.message };
      });
      const refused = [...duplicates].map(
        (name): Result => ({
          name,
          errorCode: errorCodes.INVALID_REQUEST,
          errorMessage: "Duplicate topic in request.",
        }),
      );
      reply({ throttleTimeMs: quota.throttleTimeMs, results: [...results, ...refused] });
    },
  };
}
