/** CreatePartitions: makes topics wider. */
import { createPartitions } from "../../protocol/apis/create-partitions.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { duplicatesOf } from "./duplicates.ts";

type Result = ResponseBody<typeof createPartitions>["results"][number];

export function createPartitionsHandler({ topics }: BrokerServices): Handler<typeof createPartitions> {
  return {
    api: createPartitions,
    async handle(request, _context, reply) {
      const duplicates = duplicatesOf(request.topics.map(({ name }) => name));
      const wanted = request.topics.filter(({ name }) => !duplicates.has(name));
      const outcomes = await topics.addPartitions(wanted, request.validateOnly);
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
      reply({ throttleTimeMs: 0, results: [...results, ...refused] });
    },
  };
}
