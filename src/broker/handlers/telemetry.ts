/**
 * GetTelemetrySubscriptions and PushTelemetry (KIP-714), as a broker without a receiver of clients' metrics answers: it does
 * not advertise them, wants no metrics, and drops what is pushed all the same.
 */
import { randomUuid } from "../../platform/random.ts";
import { getTelemetrySubscriptions } from "../../protocol/apis/get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../../protocol/apis/push-telemetry.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import { compressionCodes } from "../../protocol/records/compression.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

const { zstd, lz4, gzip, snappy } = compressionCodes;
/** The one that a client should prefer comes first. */
const ACCEPTED_COMPRESSIONS: readonly number[] = [zstd, lz4, gzip, snappy];
const PUSH_INTERVAL_MS = 5 * 60 * 1000;
const MAX_BYTES = 1024 * 1024;
/** Ids that no client has. */
const RESERVED_UUIDS: readonly string[] = [ZERO_UUID, Buffer.from([...new Uint8Array(15), 1]).toString("base64url")];

export function getTelemetrySubscriptionsHandler({
  random,
}: BrokerServices): Handler<typeof getTelemetrySubscriptions> {
  return {
    api: getTelemetrySubscriptions,
    isAdvertised: false,
    handle(request, _context, reply) {
      const isNew = request.clientInstanceId === ZERO_UUID;
      const clientInstanceId = isNew ? Buffer.from(randomUuid(random)).toString("base64url") : request.clientInstanceId;
      reply({
        throttleTimeMs: 0,
        errorCode: errorCodes.NONE,
        clientInstanceId,
        subscriptionId: subscriptionOf(clientInstanceId),
        acceptedCompressionTypes: ACCEPTED_COMPRESSIONS,
        pushIntervalMs: PUSH_INTERVAL_MS,
        telemetryMaxBytes: MAX_BYTES,
        deltaTemporality: true,
        requestedMetrics: [],
      });
    },
  };
}

export function pushTelemetryHandler(): Handler<typeof pushTelemetry> {
  return {
    api: pushTelemetry,
    isAdvertised: false,
    readsInPlace: true,
    handle: (request, _context, reply) => reply({ throttleTimeMs: 0, errorCode: errorCodes[verdictOn(request)] }),
  };
}

function verdictOn(request: RequestOf<typeof pushTelemetry>): ErrorName {
  const { clientInstanceId, subscriptionId, compressionType, metrics } = request;
  if (RESERVED_UUIDS.includes(clientInstanceId)) return "INVALID_REQUEST";
  if (subscriptionId !== subscriptionOf(clientInstanceId)) return "UNKNOWN_SUBSCRIPTION_ID";
  const isAccepted = compressionType === 0 || ACCEPTED_COMPRESSIONS.includes(compressionType);
  if (!isAccepted) return "UNSUPPORTED_COMPRESSION_TYPE";
  return metrics.length > MAX_BYTES ? "TELEMETRY_TOO_LARGE" : "NONE";
}

/** The same each time that a client asks, so that nothing of it has to be kept. */
function subscriptionOf(clientInstanceId: string): number {
  return Buffer.from(clientInstanceId, "base64url").readInt32BE(0);
}
