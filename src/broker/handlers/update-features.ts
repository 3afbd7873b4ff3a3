/** UpdateFeatures: switches features of the cluster on and off, by level (KIP-584). */
import { updateFeatures } from "../../protocol/apis/update-features.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import { decideFeatures, readUpdates } from "../metadata/features.ts";
import { featuresRecord } from "../metadata/records.ts";
import type { Handler } from "../router.ts";

/** From this version on there is one result for all. */
const ONE_RESULT_VERSION = 2;

export function updateFeaturesHandler({ metadata }: BrokerServices): Handler<typeof updateFeatures> {
  return {
    api: updateFeatures,
    async handle(request, { apiVersion }, reply) {
      const updates = readUpdates(request, apiVersion);
      const [outcome] = await metadata.changeEach([updates], {
        validateOnly: request.validateOnly,
        decide: ({ features }) => decideFeatures(features, updates),
        recordOf: ({ features }) => featuresRecord(features),
      });
      const isRefused = outcome?.ok === false;
      const results =
        isRefused || apiVersion >= ONE_RESULT_VERSION
          ? []
          : updates.map(({ feature }) => ({ feature, errorCode: errorCodes.NONE, errorMessage: null }));
      reply({
        throttleTimeMs: 0,
        errorCode: errorCodes[isRefused ? outcome.error : "NONE"],
        errorMessage: isRefused ? outcome.message : null,
        results,
      });
    },
  };
}
