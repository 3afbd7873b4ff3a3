/** Any life of a streams group: members that join, stall, die and come back, lost answers, topics that change, power
 * losses. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defined } from "../../../platform/assert.ts";
import { type ErrorName, errorName } from "../../../protocol/errors.ts";
import type { GroupCoordinator } from "../group-coordinator.ts";
import type { DescribedStreamsGroup, OffsetCommitResponse } from "../messages.ts";
import { commitRequest, GROUP, World } from "../story.testing.ts";
import type { StreamsHeartbeatResult } from "./heartbeat.ts";
import { program, SAYS_NOTHING } from "./story.testing.ts";
import { keysOf, NO_TASKS, type TaskIds, type Tasks, taskKey, taskSet, toTaskIds } from "./tasks.ts";

const HEARTBEAT_MS = 5_000;
const INTERNAL_TOPICS = ["words", "counts"];

const context = { apiVersion: 0, clientId: "client", clientHost: "/127.0.0.1" };

/** A thread of Kafka Streams: it does the tasks that it was assigned, closes those that it has to give up before its next
 * heartbeat, and says everything after an answer that did not come. */
class Member {
  readonly world: World;
  readonly processId: string;
  readonly #name: string;
  #life = 0;
  memberId = "";
  epoch = 0;
  tasks: Tasks = NO_TASKS;
  /** What the coordinator last heard that it has: it counts as its own until it says otherwise. */
  reported: Tasks = NO_TASKS;
  /** What it last said it has; null: it does not know whether it was heard. */
  #said: Tasks | null = null;
  #isWaiting = false;

  constructor(world: World, name: string, processId: string) {
    this.world = world;
    this.#name = name;
    this.processId = processId;
    this.startAnew();
  }

  /** The process was restarted. */
  startAnew(): void {
    this.memberId = `${this.#name}-${++this.#life}`;
    this.#isWaiting = false;
    this.#forget();
  }

  /** The broker died: the heartbeat that waits will not be answered. */
  brokerIsGone(): void {
    this.#isWaiting = false;
  }

  #forget(): void {
    this.epoch = 0;
    this.tasks = NO_TASKS;
    this.reported = NO_TASKS;
    this.#said = null;
  }

  heartbeat(isAnswerLost: boolean): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { coordinator, now } = this.world;
    const { memberId, epoch, tasks } = this;
    const says = this.#said !== tasks;
    const request = {
      ...SAYS_NOTHING,
      memberId,
      memberEpoch: epoch,
      rebalanceTimeoutMs: epoch === 0 ? 30_000 : -1,
      topology: epoch === 0 ? program("count") : null,
      processId: epoch === 0 ? this.processId : null,
      activeTasks: says ? toTaskIds(tasks.active) : null,
      standbyTasks: says ? toTaskIds(tasks.standby) : null,
      warmupTasks: says ? [] : null,
    };
    this.#said = null;
    this.world.take(
      coordinator.streamsGroupHeartbeat(request, context, now, (result) => {
        this.#makeTopics(result);
        if (coordinator !== this.world.coordinator || memberId !== this.memberId) return;
        this.#isWaiting = false;
        if (isAnswerLost) return;
        this.#said = tasks;
        this.reported = tasks;
        this.#hear(result);
      }),
    );
  }

  /** The broker does that, whether the answer arrives or not. */
  #makeTopics({ missingTopics }: StreamsHeartbeatResult): void {
    for (const { name, partitions } of missingTopics) this.world.topics.set(name, partitions);
  }

  #hear({ response }: StreamsHeartbeatResult): void {
    const { memberEpoch, activeTasks = null, standbyTasks = null } = response;
    const error = errorName(response.errorCode);
    if (error === "NONE") {
      this.epoch = memberEpoch;
      if (!activeTasks) return;
      this.tasks = { ...NO_TASKS, active: taskSet(activeTasks), standby: taskSet(standbyTasks ?? []) };
    } else if (error === "FENCED_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID" || error === "GROUP_ID_NOT_FOUND") {
      this.#forget();
    } else expect(error).toBe("NONE");
  }

  leave(): void {
    const { coordinator, now } = this.world;
    const request = { ...SAYS_NOTHING, memberId: this.memberId, memberEpoch: -1 };
    this.world.take(coordinator.streamsGroupHeartbeat(request, context, now, () => {}));
    this.startAnew();
  }
}

type Event =
  | { do: "beat"; member: number; isLost: boolean }
  | { do: "leave" | "die"; member: number }
  | { do: "commit"; member: number; partition: number; epochsAgo: number }
  | { do: "topic"; name: string; partitions: number }
  | { do: "later"; ms: number }
  | { do: "stall" | "resume" | "restart" };

/** Two threads to a process. */
const PROCESSES = ["P", "P", "Q", "R"];
const member = fc.nat(PROCESSES.length - 1);
const of = fc.constant;

const events = fc.array(
  fc.oneof(
    { weight: 16, arbitrary: fc.record({ do: of("beat"), member, isLost: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("leave", "die"), member }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: of("commit"),
        member,
        partition: fc.nat(3),
        epochsAgo: fc.constantFrom(0, 0, 1, 2, -1),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: of("topic"), name: fc.constantFrom("t", ...INTERNAL_TOPICS), partitions: fc.nat(4) }),
    },
    { weight: 5, arbitrary: fc.record({ do: of("later"), ms: fc.constantFrom(1, 4_000, 15_000, 31_000, 46_000) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("stall", "resume", "restart") }) },
  ) as fc.Arbitrary<Event>,
  { minLength: 1, maxLength: 80, size: "max" },
);

class Life {
  readonly world: World;
  readonly #standbys: number;
  readonly #members: readonly Member[];

  constructor(standbys: number) {
    this.#standbys = standbys;
    this.world = new World({ streamsInitialRebalanceDelayMs: 0, streamsNumStandbyReplicas: standbys });
    this.world.topics.set("t", 3);
    this.#members = PROCESSES.map((processId, i) => new Member(this.world, `member${i}`, processId));
  }

  perform(event: Event): void {
    const { world } = this;
    if (event.do === "beat") this.#member(event.member).heartbeat(event.isLost);
    else if (event.do === "leave") this.#member(event.member).leave();
    else if (event.do === "die") this.#member(event.member).startAnew();
    else if (event.do === "commit") this.#commit(this.#member(event.member), event.partition, event.epochsAgo);
    else if (event.do === "topic") world.topics.set(event.name, event.partitions);
    else if (event.do === "later") world.later(event.ms);
    else if (event.do === "stall") world.stallDisk();
    else if (event.do === "resume") world.resumeDisk();
    else {
      world.restart();
      for (const each of this.#members) each.brokerIsGone();
    }
    this.checkOwners();
  }

  #member(index: number): Member {
    return defined(this.#members[index]);
  }

  /** A commit at another epoch than the present one counts only for what the member has. Nothing is written otherwise. */
  #commit(member: Member, partition: number, epochsAgo: number): void {
    const { world } = this;
    const epoch = member.epoch - epochsAgo;
    const known = this.#describe(world.coordinator).members.find(({ memberId }) => memberId === member.memberId);
    const has = known?.assignment.activeTasks.some(
      ({ subtopologyId, partitions }) => subtopologyId === "0" && partitions.includes(partition),
    );
    const stillHas = [member.tasks, member.reported].some(({ active }) => active.get("0")?.has(partition));
    const claim = { memberId: member.memberId, generationId: epoch, groupInstanceId: null };
    const errors: ErrorName[] = [];
    const react = ({ topics }: OffsetCommitResponse): void => {
      errors.push(errorName(topics[0]?.partitions[0]?.errorCode ?? -1));
    };
    const request = commitRequest([`t-${partition}=1`], claim);
    const step = world.coordinator.commitOffsets(request, { ...context, apiVersion: 9 }, world.now, react);
    const isAccepted = step.records.length > 0;
    world.take(step);
    if (isAccepted && known) {
      expect(epoch === known.memberEpoch || (epoch < known.memberEpoch && (has || stillHas))).toBe(true);
    }
    if (errors.length > 0) expect(errors[0] === "NONE").toBe(isAccepted);
  }

  /** No task is done by two members that the group knows, and none is in one process twice. */
  checkOwners(): void {
    const described = this.#describe(this.world.coordinator).members;
    checkDistinct(
      described.map(({ processId, assignment: { activeTasks, standbyTasks } }) => {
        return { processId, active: namesOf(activeTasks), all: namesOf([...activeTasks, ...standbyTasks]) };
      }),
    );
    const known = new Set(described.map(({ memberId }) => memberId));
    checkDistinct(
      this.#members
        .filter(({ memberId }) => known.has(memberId))
        .map(({ processId, tasks: { active, standby } }) => {
          return { processId, active: [...keysOf(active)], all: [...keysOf(active), ...keysOf(standby)] };
        }),
    );
  }

  /** A coordinator that reads the log knows what this one does. */
  checkRecovery(): void {
    this.world.resumeDisk();
    const recovered = this.#describe(this.world.load());
    const live = this.#describe(this.world.coordinator);
    if (live.errorCode !== 0) expect(recovered.errorCode).toBe(live.errorCode);
    // How many partitions internal topics have it looks up with the next heartbeat.
    else expect({ ...recovered, topology: null }).toEqual({ ...live, topology: null });
  }

  /** When all members do what they should, and somebody has put the topics right, everything is done somewhere. */
  checkConvergence(): void {
    const { world } = this;
    world.resumeDisk();
    if (world.topics.topic("t") === undefined) world.topics.set("t", 2);
    for (const name of INTERNAL_TOPICS) world.topics.set(name, 0);
    for (let round = 0; round < 30; round++) {
      for (const each of this.#members) each.heartbeat(false);
      world.later(HEARTBEAT_MS);
      this.checkOwners();
    }
    const { groupState, members } = this.#describe(world.coordinator);
    expect(groupState).toBe("Stable");
    expect(members.length).toBe(this.#members.length);
    const partitions = Array.from({ length: world.topics.topic("t")?.partitionCount ?? 0 }, (_, i) => i);
    const active = this.#members.map(({ tasks }) => [...keysOf(tasks.active)]);
    expect(active.flat().sort()).toEqual(["0", "1"].flatMap((id) => partitions.map((p) => taskKey(id, p))).sort());
    const counts = active.map((keys) => keys.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    const standby = this.#members.flatMap(({ tasks }) => [...keysOf(tasks.standby)]);
    const copies = Array.from({ length: this.#standbys }, () => partitions.map((p) => taskKey("1", p)));
    expect(standby.sort()).toEqual(copies.flat().sort());
  }

  #describe(coordinator: GroupCoordinator): DescribedStreamsGroup {
    let answer: DescribedStreamsGroup | undefined;
    const step = coordinator.describeStreamsGroup(GROUP, 0, (group) => {
      answer = group;
    });
    for (const reply of step.replies) reply();
    return defined(answer);
  }
}

function namesOf(tasks: readonly TaskIds[]): string[] {
  return tasks.flatMap(({ subtopologyId, partitions }) => partitions.map((p) => taskKey(subtopologyId, p)));
}

function checkDistinct(
  members: readonly {
    readonly processId: string;
    readonly active: readonly string[];
    readonly all: readonly string[];
  }[],
): void {
  const active = members.flatMap((each) => each.active);
  expect(new Set(active).size).toBe(active.length);
  const inProcess = members.flatMap(({ processId, all }) => all.map((key) => `${processId} ${key}`));
  expect(new Set(inProcess).size).toBe(inProcess.length);
}

describe("any life of a streams group", () => {
  it.each([0, 1, 2])("does each task once, recovers, and comes to rest, with %i standbys", (standbys) => {
    fc.assert(
      fc.property(events, (list) => {
        const life = new Life(standbys);
        for (const each of list) life.perform(each);
        life.checkRecovery();
        life.checkConvergence();
        life.checkRecovery();
      }),
      { numRuns: 60 },
    );
  });
});
