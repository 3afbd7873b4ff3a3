/** Numbers on the wire that stand for names. Pure. */
import { EARLIEST, LATEST, MAX_TIMESTAMP } from "../network/list-offsets.ts";
import type { ConfigChange, ConfigResource, OffsetSpec } from "./types.ts";

export const resourceTypes: { readonly [T in ConfigResource["type"]]: number } = { topic: 2, broker: 4, group: 32 };

export const configOperations: { readonly [O in ConfigChange["operation"]]: number } = {
  set: 0,
  delete: 1,
  append: 2,
  subtract: 3,
};

/** Where a configuration's value comes from: the default of the broker's program. */
export const SOURCE_DEFAULT = 5;

export function timestampOf(spec: OffsetSpec): number {
  switch (spec) {
    case "earliest":
      return EARLIEST;
    case "latest":
      return LATEST;
    case "max_timestamp":
      return MAX_TIMESTAMP;
    default:
      return spec.timestamp;
  }
}
