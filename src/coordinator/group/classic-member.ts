import type { Deadline } from "../deadlines.ts";
import type { JoinGroupResponse, SyncGroupResponse } from "./messages.ts";
import type { MemberProtocol } from "./protocol-tally.ts";
import type { Respond, Turn } from "./turn.ts";

export const NO_ASSIGNMENT: Uint8Array = new Uint8Array(0);

/** What is known of a member when it joins. */
export interface MemberDescription {
  readonly memberId: string;
  /** Set for a static member: it keeps its place across restarts, which change its member id (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** In the order of the member's preference, each name once. */
  readonly protocols: readonly MemberProtocol[];
}

/** A member of a classic group. */
export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Changed by the group only, which counts them. */
  protocols: readonly MemberProtocol[];
  assignment: Uint8Array = NO_ASSIGNMENT;
  /** A JoinGroup that waits for the others to join. Set and taken by the group only, which counts them. */
  parkedJoin: Respond<JoinGroupResponse> | undefined = undefined;
  /** A SyncGroup that waits for the leader's assignment. */
  parkedSync: Respond<SyncGroupResponse> | undefined = undefined;
  /** It has never had an answer to its JoinGroup, so nobody knows yet whether it is still there. */
  isNew = false;
  /** When the member is considered gone. */
  readonly session: Deadline<Turn>;

  constructor(description: MemberDescription, session: Deadline<Turn>) {
    this.memberId = description.memberId;
    this.groupInstanceId = description.groupInstanceId;
    this.clientId = description.clientId;
    this.clientHost = description.clientHost;
    this.sessionTimeoutMs = description.sessionTimeoutMs;
    this.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    this.protocols = description.protocols;
    this.session = session;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** A member whose request is parked cannot send heartbeats, and need not: the answer is the coordinator's to give. */
  get isWaitingForUs(): boolean {
    return !this.isNew && (this.parkedJoin !== undefined || this.parkedSync !== undefined);
  }

  /** What the member says about itself in a protocol's terms; undefined when it does not support the protocol. */
  metadata(protocolName: string | null): Uint8Array | undefined {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata;
  }
}
