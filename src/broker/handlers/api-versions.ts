/** ApiVersions: what this broker speaks, so that clients know how to speak to it. */
import { apiVersions } from "../../protocol/apis/api-versions.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { AnyHandler, Handler } from "../router.ts";

type Response = ResponseBody<typeof apiVersions>;

/** The level at which each feature is switched on.
 * - group.version 1: the consumer protocol (KIP-848).
 * - transaction.version 2: transactions bump the producer's epoch and add partitions by themselves (KIP-890). */
const FEATURES: readonly (readonly [name: string, level: number])[] = [
  ["group.version", 1],
  ["transaction.version", 2],
];
/** Older clients cannot read a feature whose lowest version is 0. */
const FEATURES_FROM_ZERO_VERSION = 4;

/** `handlers` gives all that are served, this one too. */
export function apiVersionsHandler(handlers: () => readonly AnyHandler[]): Handler<typeof apiVersions> {
  return {
    api: apiVersions,
    handle(request, { apiVersion }, reply) {
      if (apiVersion >= 3 && !isName(request.clientSoftwareName, request.clientSoftwareVersion)) {
        reply({ errorCode: errorCodes.INVALID_REQUEST, apiKeys: [] });
        return;
      }
      reply({ ...listing(handlers()), ...features(apiVersion) });
    },
  };
}

/** For a request of a version that is not known: the v0 body, which every client can read (KIP-511). */
export function unknownVersionResponse(handlers: readonly AnyHandler[]): Response {
  return { ...listing(handlers), errorCode: errorCodes.UNSUPPORTED_VERSION };
}

function listing(handlers: readonly AnyHandler[]): Response {
  return {
    errorCode: errorCodes.NONE,
    apiKeys: handlers
      .map(({ api }) => ({ apiKey: api.key, minVersion: lowestAdvertised(api), maxVersion: api.versions[1] }))
      .sort((a, b) => a.apiKey - b.apiKey),
  };
}

/** Produce is advertised from 0 on, though 3 is the oldest served: librdkafka takes a broker without it for one that
 * knows no record batches (KAFKA-18659). */
function lowestAdvertised({ key, versions }: AnyHandler["api"]): number {
  return key === 0 ? 0 : versions[0];
}

function features(apiVersion: number): Partial<Response> {
  const supported = FEATURES.map(([name, level]) => ({ name, minVersion: 0, maxVersion: level }));
  return {
    supportedFeatures: apiVersion >= FEATURES_FROM_ZERO_VERSION ? supported : [],
    finalizedFeaturesEpoch: 0,
    finalizedFeatures: FEATURES.map(([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  };
}

function isName(...texts: readonly string[]): boolean {
  return texts.every((text) => /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/.test(text));
}
