/** What has settings of its own, beside topics, which keep theirs themselves. */
export const configResourceKinds = ["broker", "client-metrics", "group"] as const;
export type ConfigResourceKind = (typeof configResourceKinds)[number];

export interface ConfigResource {
  readonly kind: ConfigResourceKind;
  /** Of a broker: its id, or "" for all brokers. */
  readonly name: string;
}

/** Stands for all brokers. */
export const ALL_BROKERS = "";
