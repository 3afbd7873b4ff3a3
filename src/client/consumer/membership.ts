import type { ConsumerGroupMetadata, TopicPartition } from "../types.ts";
import type { RebalanceProtocol } from "./assignor.ts";

/**
 * A consumer's membership in its group: joins and rejoins, keeps the membership alive, notices rebalances. Requests run in
 * the background; what concerns the caller's partitions waits for `advance`, which the consumer calls in `poll`.
 */
export interface Membership {
  readonly protocol: RebalanceProtocol;
  readonly isMember: boolean;
  /** The membership, or the last one when it was lost: what was consumed under it must not be committed by an outsider, whom
   * the coordinator does not check. */
  readonly group: ConsumerGroupMetadata;
  /** Subscribes to other topics: the group rebalances. A pattern is for the consumer protocol only. */
  setTopics(topics: readonly string[], pattern?: string): void;
  /** Partitions go: asks for the rebalance in which others get them. */
  requestRejoin(reason: string): void;
  /** The coordinator does not know `group` any more, as the answer to a commit said. */
  noteLost(group: ConsumerGroupMetadata): void;
  /** `group` as it is by now; undefined when it has ended. */
  latest(group: ConsumerGroupMetadata): ConsumerGroupMetadata | undefined;
  /** Whether the member has gone on, or is about to, to a generation after `group` that counts from the next `advance` on. */
  hasNext(group: ConsumerGroupMetadata): boolean;
  /** Does what waits for the caller: rebalances run their listeners here. Throws what ended the membership. */
  advance(): Promise<void>;
  /** Ends the membership: leaves the group, as far as that works out; without a reason to leave, the group keeps the place
   * until the session timeout. */
  leave(reason: string | undefined): Promise<void>;
}

/** What the consumer does when its membership changes. All within `advance`. */
export interface MembershipEvents {
  ownedPartitions(): TopicPartition[];
  /** The group will rebalance: give up what the protocol asks for. */
  onPrepare(): Promise<void>;
  onAssigned(assignment: readonly TopicPartition[]): Promise<void>;
  /** The membership is over: others may hold the partitions already. */
  onLost(): Promise<void>;
  /** Something waits for `advance`. */
  onChange(): void;
}
