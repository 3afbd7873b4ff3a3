import { TimeHistogram } from "./histogram.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { TopicMetrics } from "./topic-metrics.ts";

/** What is counted as it happens. Everything else is looked at when somebody asks; see collect.ts. */
export class BrokerMetrics {
  readonly requests: RequestMetrics = new RequestMetrics();
  readonly topics: TopicMetrics = new TopicMetrics();
  /** Syncs of partitions' logs. */
  readonly flushTime: TimeHistogram = new TimeHistogram();
}
