import { type HeldPartitions, NO_PARTITIONS } from "../partitions.ts";
import type { MemberProtocol } from "../protocol-tally.ts";

/** Where a member is on its way to its target assignment:
 * - Stable: it has all of it.
 * - UnrevokedPartitions: it has been told to give up partitions, and has not said that it did.
 * - UnreleasedPartitions: it has what is free; other members have yet to give up the rest. */
export type MemberState = "Stable" | "UnrevokedPartitions" | "UnreleasedPartitions";

/** What a member that speaks the classic protocol said when it joined. */
export interface ClassicProtocols {
  readonly sessionTimeoutMs: number;
  /** In the order of its preference. */
  readonly protocols: readonly MemberProtocol[];
}

/** What a member says about itself: one record in the log. */
export interface MemberMetadata {
  /** Set for a static member: it keeps its place across restarts (KIP-345). */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  /** Empty for none. */
  readonly subscribedTopicRegex: string;
  readonly rebalanceTimeoutMs: number;
  /** The assignor that it votes for; null for whichever. */
  readonly serverAssignor: string | null;
  /** Null for a member that speaks the new protocol. */
  readonly classic: ClassicProtocols | null;
}

/** What a member has: another record. */
export interface MemberAssignment {
  /** The epoch of the assignment that it has; -2 for a static member that is away for a while. */
  readonly memberEpoch: number;
  /** The epoch before: the answer with the present one may have been lost. */
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: HeldPartitions;
  /** Not given up yet: nobody else may have them. Disjoint from `assigned`. */
  readonly pendingRevocation: HeldPartitions;
}

/** A member of a consumer group. Never changes in place. */
export interface ConsumerMember extends MemberMetadata, MemberAssignment {
  readonly memberId: string;
}

/** The member epoch of a static member that has left and will be back. */
export const AWAY_EPOCH = -2;

export const NOTHING_ASSIGNED: MemberAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: "Stable",
  assigned: NO_PARTITIONS,
  pendingRevocation: NO_PARTITIONS,
};

export const NOTHING_SAID: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: "",
  clientHost: "",
  subscribedTopicNames: [],
  subscribedTopicRegex: "",
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
};

/** Whether the member has all that it should have. */
export function isReconciled(
  member: Pick<MemberAssignment, "state" | "memberEpoch">,
  assignmentEpoch: number,
): boolean {
  return member.state === "Stable" && member.memberEpoch === assignmentEpoch;
}

/** Whether both read the same topics. The order of names does not count. */
export function sameSubscription(a: MemberMetadata, b: MemberMetadata): boolean {
  return a.subscribedTopicRegex === b.subscribedTopicRegex && sameNames(a.subscribedTopicNames, b.subscribedTopicNames);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  const names = new Set(a);
  return names.size === new Set(b).size && b.every((name) => names.has(name));
}
