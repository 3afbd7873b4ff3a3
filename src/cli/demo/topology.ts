import { serdes } from "../../client/index.ts";
import { StreamsBuilder, type Topology } from "../../streams/index.ts";
import type { DemoTopics } from "./messages.ts";
import { wordsOf } from "./words.ts";

export const COUNTS_STORE = "counts";

/** Lines in, the running count of each word out. */
export function wordCountTopology(topics: DemoTopics): Topology {
  const builder = new StreamsBuilder();
  builder
    .stream(topics.lines, { key: serdes.string, value: serdes.string })
    .flatMapValues(wordsOf)
    .groupBy((word) => word, { key: serdes.string, value: serdes.string })
    .count({ store: COUNTS_STORE })
    .toStream()
    .to(topics.counts, { key: serdes.string, value: serdes.int64 });
  return builder.build();
}
