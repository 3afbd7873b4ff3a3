/** What the demo's processes say to each other. */
import type { ProcessName } from "./crashes.ts";

export type Guarantee = "exactly_once_v2" | "at_least_once";

export interface DemoTopics {
  readonly lines: string;
  readonly counts: string;
  readonly changelog: string;
  readonly repartition: string;
}

/** All that a child needs to know, given to it as its one argument. */
export interface ChildConfig {
  readonly role: "producer" | "worker" | "sink";
  readonly name: ProcessName;
  readonly brokers: string;
  readonly guarantee: Guarantee;
  readonly applicationId: string;
  readonly topics: DemoTopics;
  readonly files: readonly string[];
  /** The worker's state folder. */
  readonly stateDir: string;
  /** The sink's database file. */
  readonly database: string;
}

/** Totals since the child started; those of all its lives are added up. */
export interface Counters {
  readonly lines?: number;
  readonly records?: number;
  readonly rows?: number;
  readonly commits?: number;
  readonly aborts?: number;
}

export type ChildMessage =
  | { readonly type: "ready" }
  /** `position`: how much of the input is safely in the log, by this and all earlier lives of the producer. */
  | { readonly type: "progress"; readonly counters: Counters; readonly position?: number }
  | { readonly type: "done" };
