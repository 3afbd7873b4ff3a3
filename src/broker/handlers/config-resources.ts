/** The resources that have settings, as requests name them. */

import type { BrokerServices } from "../broker-services.ts";
import {
  brokerConfigsConflict,
  dynamicBrokerDefinition,
  isFixedBrokerSetting,
  startValueOf,
} from "../configs/dynamic-configs.ts";
import { groupConfigDefinition } from "../configs/group-configs.ts";
import { effectiveConfig } from "../configs/log-config.ts";
import { topicConfigDefinition, topicConfigsConflict } from "../configs/topic-configs.ts";
import type { ConfigSubject } from "../metadata/config-decisions.ts";
import { ALL_BROKERS, type ConfigResource } from "../metadata/config-resource.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { configsRecord, type MetadataRecord, topicRecord } from "../metadata/records.ts";
import { type Refusal, refuse } from "../metadata/refusal.ts";
import { topicNameProblem } from "../metadata/topic-name.ts";

export const TOPIC_RESOURCE = 2;
export const BROKER_RESOURCE = 4;
export const BROKER_LOGGER_RESOURCE = 8;
export const CLIENT_METRICS_RESOURCE = 16;
export const GROUP_RESOURCE = 32;

export interface NamedResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** A resource whose settings are to change. */
export interface ChangingResource extends ConfigSubject {
  /** Says that these are its settings from now on. */
  recordOf(configs: ReadonlyMap<string, string>): MetadataRecord;
}

type DefinitionOf = ConfigSubject["definitionOf"];

/** What there is to change, or why not. `clientMetricsDefinition`: of settings that have to be loaded first. */
export function changingResource(
  services: BrokerServices,
  image: MetadataImage,
  { resourceType, resourceName: name }: NamedResource,
  clientMetricsDefinition: DefinitionOf,
): ChangingResource | Refusal {
  const { config } = services;
  switch (resourceType) {
    case TOPIC_RESOURCE:
      return changingTopic(services, image, name);
    case BROKER_RESOURCE:
      return brokerNameProblem(services, name) ?? changingBroker(services, image, name);
    case CLIENT_METRICS_RESOURCE:
      if (name === "") return refuse("INVALID_REQUEST", "Subscription name can't be empty");
      return changing(image, { kind: "client-metrics", name }, clientMetricsDefinition);
    case GROUP_RESOURCE:
      if (name === "") return refuse("INVALID_REQUEST", "Default group resources are not allowed.");
      return changing(image, { kind: "group", name }, (setting) => groupConfigDefinition(setting, config));
    default:
      return refuse("INVALID_REQUEST", `Resources of type ${resourceType} have no settings here.`);
  }
}

export function topicNotFound(name: string): Refusal {
  const problem = topicNameProblem(name);
  if (problem !== undefined) return refuse("INVALID_TOPIC_EXCEPTION", problem);
  return refuse("UNKNOWN_TOPIC_OR_PARTITION", `The topic '${name}' does not exist.`);
}

export function brokerNameProblem({ config }: BrokerServices, name: string): Refusal | undefined {
  if (name === ALL_BROKERS || name === String(config.nodeId)) return undefined;
  return refuse(
    "INVALID_REQUEST",
    `Unexpected broker id, expected ${config.nodeId} or empty string, but received ${name}`,
  );
}

function changingTopic({ config }: BrokerServices, image: MetadataImage, name: string): ChangingResource | Refusal {
  const topic = image.topic(name);
  if (!topic) return topicNotFound(name);
  return {
    kind: "topic",
    own: topic.configs,
    definitionOf: topicConfigDefinition,
    inherited: (setting) => effectiveConfig(setting, new Map(), config),
    conflict: topicConfigsConflict,
    recordOf: (configs) => topicRecord({ ...topic, configs }),
  };
}

function changingBroker({ startConfig }: BrokerServices, image: MetadataImage, name: string): ChangingResource {
  const ofAll = (setting: string): string | undefined =>
    name === ALL_BROKERS ? undefined : image.configsOf("broker", ALL_BROKERS).get(setting);
  return {
    ...changing(image, { kind: "broker", name }, dynamicBrokerDefinition),
    inherited: (setting) => ofAll(setting) ?? startValueOf(setting, startConfig),
    conflict: brokerConfigsConflict,
    error: "INVALID_REQUEST",
    isFixed: isFixedBrokerSetting,
  };
}

function changing(image: MetadataImage, resource: ConfigResource, definitionOf: DefinitionOf): ChangingResource {
  return {
    kind: resource.kind,
    own: image.configsOf(resource.kind, resource.name),
    definitionOf,
    inherited: (name) => definitionOf(name)?.defaultValue ?? "",
    recordOf: (configs) => configsRecord(resource, configs),
  };
}
