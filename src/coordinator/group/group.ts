import type { ClassicGroup } from "./classic-group.ts";
import type { ConsumerGroup } from "./consumer-group/consumer-group.ts";
import type { StreamsGroup } from "./streams-group/streams-group.ts";

/** A group of whichever protocol. */
export type Group = ClassicGroup | ConsumerGroup | StreamsGroup;
