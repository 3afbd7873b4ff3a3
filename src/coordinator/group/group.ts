import type { ClassicGroup } from "./classic-group.ts";
import type { ConsumerGroup } from "./consumer/consumer-group.ts";

/** A group of whichever protocol. */
export type Group = ClassicGroup | ConsumerGroup;
