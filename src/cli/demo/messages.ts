/** What the demo's processes are told. */
import type { ProcessName } from "./crashes.ts";

export type Guarantee = "exactly_once_v2" | "at_least_once";

export interface DemoTopics {
  readonly lines: string;
  readonly counts: string;
  readonly changelog: string;
  readonly repartition: string;
}

/** All that a child needs to know, told to it first. */
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
