/** ApiVersions: what this broker speaks, so that clients know how to speak to it. */
import { apiVersions } from "../../protocol/apis/api-versions.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { UNKNOWN_SOFTWARE } from "../connection.ts";
import { type FeatureLevels, levelOf, supportedFeatures } from "../metadata/features.ts";
import type { AnyHandler, Handler } from "../router.ts";

type Response = ResponseBody<typeof apiVersions>;

/** From it on clients say what they are (KIP-511). */
const SOFTWARE_VERSION = 3;
/** Of either: it stays as long as the connection. */
const MAX_SOFTWARE_CHARACTERS = 256;
/** Older clients cannot read a feature whose lowest version is 0. */
const FEATURES_FROM_ZERO_VERSION = 4;

/** `handlers` gives all that are served, this one too. */
export function apiVersionsHandler(
  { image }: BrokerServices,
  handlers: () => readonly AnyHandler[],
): Handler<typeof apiVersions> {
  return {
    api: apiVersions,
    handle(request, { apiVersion, peer }, reply) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
      const hasSoftware = apiVersion >= SOFTWARE_VERSION;
      if (hasSoftware && !isName(name, version)) {
        reply({ errorCode: errorCodes.INVALID_REQUEST, apiKeys: [] });
        return;
      }
      peer.software = hasSoftware ? { name: kept(name), version: kept(version) } : UNKNOWN_SOFTWARE;
      reply({ ...listing(handlers()), ...describeFeatures(image.features, apiVersion) });
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
      .filter(({ isAdvertised = true }) => isAdvertised)
      .map(({ api }) => ({ apiKey: api.key, minVersion: lowestAdvertised(api), maxVersion: api.versions[1] }))
      .sort((a, b) => a.apiKey - b.apiKey),
  };
}

/** Produce is advertised from 0 on, though 3 is the oldest served: librdkafka takes a broker without it for one that
 * knows no record batches (KAFKA-18659). */
function lowestAdvertised({ key, versions }: AnyHandler["api"]): number {
  return key === 0 ? 0 : versions[0];
}

function describeFeatures(features: FeatureLevels, apiVersion: number): Partial<Response> {
  const supported = supportedFeatures
    .filter(({ minLevel }) => minLevel > 0 || apiVersion >= FEATURES_FROM_ZERO_VERSION)
    .map(({ name, minLevel, maxLevel }) => ({ name, minVersion: minLevel, maxVersion: maxLevel }));
  const finalized = supportedFeatures
    .map(({ name }) => ({ name, level: levelOf(features, name) }))
    .filter(({ level }) => level > 0)
    .map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level }));
  return { supportedFeatures: supported, finalizedFeaturesEpoch: features.epoch, finalizedFeatures: finalized };
}

function isName(...texts: readonly string[]): boolean {
  return texts.every((text) => /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/.test(text));
}

/** A copy: what is only cut keeps all of it in memory. */
function kept(text: string): string {
  return Buffer.from(text.slice(0, MAX_SOFTWARE_CHARACTERS)).toString();
}
