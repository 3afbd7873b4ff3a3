import type { MemberState } from "../consumer-group/consumer-member.ts";
import { type HeldTasks, NO_TASKS } from "./tasks.ts";

/** Where others can ask this member's process for what its stores hold. */
interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What a member says about itself: one record in the log. */
export interface StreamsMemberMetadata {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  /** Of the topology that it runs. */
  readonly topologyEpoch: number;
  /** Members of one process share its disk: no two of them have the same task. */
  readonly processId: string;
  readonly userEndpoint: Endpoint | null;
  readonly clientTags: readonly { readonly key: string; readonly value: string }[];
}

/** What a member has: another record. */
export interface StreamsMemberAssignment {
  readonly memberEpoch: number;
  /** The epoch before: the answer with the present one may have been lost. */
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: HeldTasks;
  /** Not given up yet. */
  readonly pendingRevocation: HeldTasks;
}

/** A member of a streams group. Never changes in place. */
export interface StreamsMember extends StreamsMemberMetadata, StreamsMemberAssignment {
  readonly memberId: string;
}

export const NO_TASKS_ASSIGNED: StreamsMemberAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: "Stable",
  assigned: NO_TASKS,
  pendingRevocation: NO_TASKS,
};

export const UNKNOWN_MEMBER: StreamsMemberMetadata = {
  rackId: null,
  clientId: "",
  clientHost: "",
  rebalanceTimeoutMs: -1,
  topologyEpoch: -1,
  processId: "",
  userEndpoint: null,
  clientTags: [],
};
