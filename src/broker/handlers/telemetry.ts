/**
 * GetTelemetrySubscriptions and PushTelemetry (KIP-714), as a broker without a receiver of clients' metrics answers: it does
 * not advertise them, and tells who asks all the same what its operators want, but drops what is pushed.
 */
import { getTelemetrySubscriptions } from "../../protocol/apis/get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../../protocol/apis/push-telemetry.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import { compressionCodes } from "../../protocol/records/compression.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { MAX_PUSH_BYTES } from "../telemetry/client-instance.ts";
import type { ClientInstances } from "../telemetry/client-instances.ts";

const { zstd, lz4, gzip, snappy } = compressionCodes;
/** The one that a client should prefer comes first. */
const ACCEPTED_COMPRESSIONS: readonly number[] = [zstd, lz4, gzip, snappy];
/** Ids that no client has. */
const RESERVED_UUIDS: readonly string[] = [ZERO_UUID, Buffer.from([...new Uint8Array(15), 1]).toString("base64url")];

/** What the answer has beside an error. */
const NOTHING: Omit<ResponseBody<typeof getTelemetrySubscriptions>, "errorCode"> = {
  throttleTimeMs: 0,
  clientInstanceId: ZERO_UUID,
  subscriptionId: 0,
  acceptedCompressionTypes: [],
  pushIntervalMs: 0,
  telemetryMaxBytes: 0,
  deltaTemporality: false,
  requestedMetrics: [],
};

/** Both look at the same clients. */
export function telemetryHandlers(
  services: BrokerServices,
): readonly [Handler<typeof getTelemetrySubscriptions>, Handler<typeof pushTelemetry>] {
  const { clock } = services;
  let loaded: Promise<ClientInstances> | undefined;
  // With regular expressions, and hardly any client asks where it is not advertised.
  const load = async (): Promise<ClientInstances> => {
    const { ClientInstances } = await import("../telemetry/client-instances.ts");
    return new ClientInstances(services);
  };
  const loadOnce = (): Promise<ClientInstances> => {
    loaded ??= load().catch((error: unknown) => {
      // For want of a file descriptor, perhaps.
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
  return [
    {
      api: getTelemetrySubscriptions,
      isAdvertised: false,
      async handle(request, context, reply) {
        const instances = await loadOnce();
        const nowMs = clock.monotonic();
        const isNew = request.clientInstanceId === ZERO_UUID;
        const clientInstanceId = isNew ? instances.newId() : request.clientInstanceId;
        const instance = instances.of(clientInstanceId, context, nowMs);
        const error = instance.ask(nowMs);
        if (error !== "NONE") {
          reply({ ...NOTHING, errorCode: errorCodes[error] });
          return;
        }
        const { id, metrics, pushIntervalMs } = instance.subscription;
        reply({
          throttleTimeMs: 0,
          errorCode: errorCodes.NONE,
          clientInstanceId,
          subscriptionId: id,
          acceptedCompressionTypes: ACCEPTED_COMPRESSIONS,
          pushIntervalMs,
          telemetryMaxBytes: MAX_PUSH_BYTES,
          deltaTemporality: true,
          requestedMetrics: metrics,
        });
      },
    },
    {
      api: pushTelemetry,
      isAdvertised: false,
      async handle(request, context, reply) {
        const { clientInstanceId } = request;
        if (RESERVED_UUIDS.includes(clientInstanceId)) {
          reply({ throttleTimeMs: 0, errorCode: errorCodes.INVALID_REQUEST });
          return;
        }
        const instances = await loadOnce();
        const nowMs = clock.monotonic();
        const error = instances.of(clientInstanceId, context, nowMs).push(request, nowMs);
        reply({ throttleTimeMs: 0, errorCode: errorCodes[error] });
      },
    },
  ];
}
