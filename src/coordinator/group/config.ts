/** `upgrade`: from the classic protocol to the consumer protocol; `downgrade`: back. */
export type MigrationPolicy = "disabled" | "upgrade" | "downgrade" | "bidirectional";

/** What groups of the consumer protocol, and streams groups, may have settings of their own for. */
export interface GroupSettings {
  /** How long a member may be silent: `consumer.session.timeout.ms`. */
  readonly consumerSessionTimeoutMs: number;
  /** How often a member is told to send heartbeats: `consumer.heartbeat.interval.ms`. */
  readonly consumerHeartbeatIntervalMs: number;
  /** How long a target assignment stays before the next one: `consumer.assignment.interval.ms`. 0: not at all. Members
   * that come and go within it are dealt with at once. */
  readonly consumerAssignmentIntervalMs: number;
  /** The same of streams groups: `streams.session.timeout.ms`, `streams.heartbeat.interval.ms`. */
  readonly streamsSessionTimeoutMs: number;
  readonly streamsHeartbeatIntervalMs: number;
  readonly streamsAssignmentIntervalMs: number;
  /** How many copies of a task's state are kept beside the active one: `streams.num.standby.replicas`. */
  readonly streamsNumStandbyReplicas: number;
  /** How long the first member of an empty group waits for others: `streams.initial.rebalance.delay.ms`. */
  readonly streamsInitialRebalanceDelayMs: number;
}

/** The group coordinator's settings. Names and defaults are Kafka's, with the unit in the name. */
export interface GroupCoordinatorConfig extends GroupSettings {
  /** A joining member's session timeout must lie between these two: `group.min.session.timeout.ms`, `group.max…`. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** How long the first member of an empty group waits for others, so that a group that starts up does not rebalance
   * for each of them: `group.initial.rebalance.delay.ms`. 0: not at all. */
  readonly initialRebalanceDelayMs: number;
  /** How long a JoinGroup of a new member is kept waiting. Such a member has no id to send heartbeats with, and may be
   * gone; if it is not, it tries again. */
  readonly newMemberJoinTimeoutMs: number;
  /** Members of one classic group: `group.max.size`. More are turned away with GROUP_MAX_SIZE_REACHED. */
  readonly maxGroupSize: number;
  /** The same of groups of the consumer protocol, and of streams groups: `group.consumer.max.size`, `group.streams…`. */
  readonly consumerMaxGroupSize: number;
  readonly streamsMaxGroupSize: number;
  /** Members that were sent away to come back with their id (MEMBER_ID_REQUIRED) and are remembered, in all groups
   * of one coordinator. Those who come do so at once: of more, the first are forgotten. */
  readonly maxPendingMembers: number;
  /** Between which protocols a group may change while it has members: `group.consumer.migration.policy`. */
  readonly consumerMigrationPolicy: MigrationPolicy;
  /** What all members' subscriptions and assignments of one group may take together: they become one record. */
  readonly maxGroupSizeBytes: number;
  /** What the records of one commit may take together: they become one batch. */
  readonly maxCommitSizeBytes: number;
  /** Length of the text that may go with a committed offset: `offset.metadata.max.bytes`. */
  readonly offsetMetadataMaxSize: number;
  /** How long a group's offsets outlive its last member, or their last commit: `offsets.retention.minutes`. */
  readonly offsetsRetentionMs: number;
  /** How often that is checked: `offsets.retention.check.interval.ms`. */
  readonly offsetsRetentionCheckIntervalMs: number;
}

export const defaultGroupCoordinatorConfig: GroupCoordinatorConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3_000,
  newMemberJoinTimeoutMs: 300_000,
  maxGroupSize: 2_147_483_647,
  consumerMaxGroupSize: 2_147_483_647,
  streamsMaxGroupSize: 2_147_483_647,
  maxPendingMembers: 100_000,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
  consumerAssignmentIntervalMs: 1_000,
  streamsSessionTimeoutMs: 45_000,
  streamsHeartbeatIntervalMs: 5_000,
  streamsAssignmentIntervalMs: 1_000,
  streamsNumStandbyReplicas: 0,
  streamsInitialRebalanceDelayMs: 3_000,
  consumerMigrationPolicy: "bidirectional",
  maxGroupSizeBytes: 64 * 1024 * 1024,
  maxCommitSizeBytes: 16 * 1024 * 1024,
  offsetMetadataMaxSize: 4096,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  offsetsRetentionCheckIntervalMs: 600_000,
};
