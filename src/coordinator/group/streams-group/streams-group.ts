import type { ErrorName } from "../../../protocol/errors.ts";
import { isReconciled } from "../consumer-group/consumer-member.ts";
import type { ConfiguredTopology } from "./configure-topology.ts";
import type { StreamsMember } from "./streams-member.ts";
import { keysOf, NO_TASKS, type Tasks } from "./tasks.ts";
import type { Topology } from "./topology.ts";

/** As a consumer group's, and NotReady: topics are missing or do not fit together, so that there are no tasks. */
export type StreamsGroupState = "Empty" | "NotReady" | "Assigning" | "Reconciling" | "Stable";

/** What a topology meant for the topics of one version of the catalog. */
export interface Configuration {
  readonly topicsVersion: number;
  readonly topology: Topology;
  readonly configured: ConfiguredTopology;
  /** Of the topics that the program needs and that there are. */
  readonly metadataHash: number;
}

/**
 * A group of Kafka Streams clients (KIP-1071): the coordinator knows their topology, makes its internal topics, and gives
 * each its tasks.
 *
 * The fields up to `targets` are what records say, and change when they are applied.
 */
export class StreamsGroup {
  readonly kind = "streams";
  readonly protocolType = "streams";
  readonly groupId: string;
  /** Grows with every change of members, topology, topics or settings. 0 before the first. */
  epoch = 0;
  /** What the topics were when the epoch began. */
  metadataHash = 0;
  /** The epoch of the topology that has all its topics; -1 when there is none. */
  validatedTopologyEpoch = -1;
  /** The settings that the last assignment was made with. */
  assignmentConfigs: ReadonlyMap<string, string> = new Map();
  /** The epoch that `targets` are made for; assignmentEpoch <= epoch. */
  assignmentEpoch = 0;
  /** When they were made, ms since 1970; 0 when that is not known. */
  assignedAtMs = 0;
  topology: Topology | undefined = undefined;
  readonly members: Map<string, StreamsMember> = new Map();
  readonly targets: Map<string, Tasks> = new Map();
  /** In memory only: made anew when it is out of date. */
  configuration: Configuration | undefined = undefined;
  /** The member that wants all of them to stop; forgotten when the group is empty. In memory only. */
  shutdownRequestedBy: string | undefined = undefined;
  /** Grows when it changes which tasks are at which user endpoint. In memory only. */
  endpointEpoch = 0;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get state(): StreamsGroupState {
    if (this.members.size === 0) return "Empty";
    if (this.validatedTopologyEpoch !== this.topology?.epoch) return "NotReady";
    if (this.epoch > this.assignmentEpoch) return "Assigning";
    for (const member of this.members.values()) if (!isReconciled(member, this.assignmentEpoch)) return "Reconciling";
    return "Stable";
  }

  target(memberId: string): Tasks {
    return this.targets.get(memberId) ?? NO_TASKS;
  }

  memberFor(memberId: string): StreamsMember | ErrorName {
    return this.members.get(memberId) ?? "UNKNOWN_MEMBER_ID";
  }

  /** What others have, or have yet to give up, that a member of `processId` must not get. */
  heldByOthers(memberId: string, processId: string): HeldByOthers {
    const active = new Set<string>();
    const inProcess = new Set<string>();
    const activeInProcess = new Set<string>();
    for (const other of this.members.values()) {
      if (other.memberId === memberId) continue;
      const isSameProcess = other.processId === processId;
      for (const { active: tasks, standby, warmup } of [other.assigned, other.pendingRevocation]) {
        for (const key of keysOf(tasks)) {
          active.add(key);
          if (isSameProcess) activeInProcess.add(key);
        }
        if (!isSameProcess) continue;
        for (const key of keysOf(standby)) inProcess.add(key);
        for (const key of keysOf(warmup)) inProcess.add(key);
      }
    }
    return { active, activeInProcess, inProcess };
  }
}

interface HeldByOthers {
  readonly active: ReadonlySet<string>;
  readonly activeInProcess: ReadonlySet<string>;
  /** As standby or warm-up tasks. */
  readonly inProcess: ReadonlySet<string>;
}
