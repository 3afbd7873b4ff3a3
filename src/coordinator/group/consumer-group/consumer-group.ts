import type { ErrorName } from "../../../protocol/errors.ts";
import { each, NO_PARTITIONS, type PartitionSet } from "../partitions.ts";
import { type ConsumerMember, isReconciled } from "./consumer-member.ts";

/**
 * - Empty: no members; offsets perhaps.
 * - Assigning: something has changed, and the target assignment does not reflect it yet.
 * - Reconciling: some members do not have all that they should have.
 * - Stable: every member has its target assignment.
 */
export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** What a regular expression that members subscribe to stands for. */
export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>;
}

/**
 * A group of the new protocol (KIP-848): the coordinator decides who reads what, and leads each member there on its own.
 *
 * Every field but `topicsVersion` is what records say, and changes when they are applied. No partition has two owners.
 */
export class ConsumerGroup {
  readonly kind = "consumer";
  readonly protocolType = "consumer";
  readonly groupId: string;
  /** Grows with every change of members, subscriptions or topics. 0 before the first. */
  epoch = 0;
  /** What the topics were when the epoch began. */
  metadataHash = 0;
  /** The epoch that `targets` are made for; assignmentEpoch <= epoch. */
  assignmentEpoch = 0;
  /** When they were made, ms since 1970; 0 when that is not known. */
  assignedAtMs = 0;
  /** The topics by which `metadataHash` was last checked (TopicCatalog.version); undefined when it never was. */
  topicsVersion: number | undefined = undefined;
  readonly #members = new Map<string, ConsumerMember>();
  /** Static members' ids by their instance ids. */
  readonly #memberIds = new Map<string, string>();
  readonly #targets = new Map<string, PartitionSet>();
  readonly #regexes = new Map<string, ResolvedRegex>();
  /** Who has a partition, assigned or not yet given up. */
  readonly #owners = new Map<string, Map<number, string>>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members;
  }

  get targets(): ReadonlyMap<string, PartitionSet> {
    return this.#targets;
  }

  get regexes(): ReadonlyMap<string, ResolvedRegex> {
    return this.#regexes;
  }

  get state(): ConsumerGroupState {
    if (this.#members.size === 0) return "Empty";
    if (this.epoch > this.assignmentEpoch) return "Assigning";
    for (const member of this.#members.values()) {
      if (!isReconciled(member, this.assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  target(memberId: string): PartitionSet {
    return this.#targets.get(memberId) ?? NO_PARTITIONS;
  }

  /** The static member that goes by `instanceId`. */
  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.#memberIds.get(instanceId);
    return memberId === undefined ? undefined : this.#members.get(memberId);
  }

  /** The member that a request may speak for, or why it may not: FENCED_INSTANCE_ID (another process has taken its
   * place) or UNKNOWN_MEMBER_ID. */
  memberFor(memberId: string, instanceId: string | null): ConsumerMember | ErrorName {
    if (instanceId === null) return this.#members.get(memberId) ?? "UNKNOWN_MEMBER_ID";
    const member = this.staticMember(instanceId);
    if (!member) return "UNKNOWN_MEMBER_ID";
    return member.memberId === memberId ? member : "FENCED_INSTANCE_ID";
  }

  /** Whether nobody but this member has the partition. */
  isFreeFor(memberId: string, topicId: string, partition: number): boolean {
    const owner = this.#owners.get(topicId)?.get(partition);
    return owner === undefined || owner === memberId;
  }

  /** Adds a member, or replaces what is known of it. */
  putMember(member: ConsumerMember): void {
    const old = this.#members.get(member.memberId);
    if (old) this.#release(old);
    this.#members.set(member.memberId, member);
    if (member.instanceId !== null) this.#memberIds.set(member.instanceId, member.memberId);
    for (const held of [member.assigned, member.pendingRevocation]) {
      for (const [topicId, partition] of each(held)) this.#own(topicId, partition, member.memberId);
    }
  }

  removeMember(memberId: string): void {
    const member = this.#members.get(memberId);
    if (!member) return;
    this.#release(member);
    this.#members.delete(memberId);
    const { instanceId } = member;
    if (instanceId !== null && this.#memberIds.get(instanceId) === memberId) this.#memberIds.delete(instanceId);
  }

  setTarget(memberId: string, target: PartitionSet | null): void {
    if (target) this.#targets.set(memberId, target);
    else this.#targets.delete(memberId);
  }

  setRegex(regex: string, resolved: ResolvedRegex | null): void {
    if (resolved) this.#regexes.set(regex, resolved);
    else this.#regexes.delete(regex);
  }

  #own(topicId: string, partition: number, memberId: string): void {
    const owners = this.#owners.get(topicId);
    if (owners) owners.set(partition, memberId);
    else this.#owners.set(topicId, new Map([[partition, memberId]]));
  }

  /** While a compacted log is replayed, a partition may have a newer owner already. */
  #release({ memberId, assigned, pendingRevocation }: ConsumerMember): void {
    for (const held of [assigned, pendingRevocation]) {
      for (const [topicId, partition] of each(held)) {
        const owners = this.#owners.get(topicId);
        if (owners?.get(partition) !== memberId) continue;
        owners.delete(partition);
        if (owners.size === 0) this.#owners.delete(topicId);
      }
    }
  }
}
