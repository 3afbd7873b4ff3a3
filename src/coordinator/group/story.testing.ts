/**
 * Transcripts of a coordinator, to be read as stories. Lines that begin at the margin are what happens; the indented
 * ones below are what follows from it. `play` runs the former and gives back the whole text, so that a test is
 * `expect(play(story)).toBe(story)`.
 *
 * Who acts is a client ("ann"). Its member ids are called ann#1, ann#2 … in the order in which they are given out, a
 * static member's by its instance: A#1. A client remembers its last id and generation and uses them. All is about one
 * group.
 *
 *     join ann [anew] [static=A] [offers=range,sticky] [reads=t] [session=ms] [rebalance=ms] [v3]
 *     sync ann [ann#1=p0 bob#1=p1]      a leader's SyncGroup, with what each member gets; a follower's
 *     beat ann [as=ann#1/3]             Heartbeat, with an id and generation other than its last
 *     leave ann bob                     LeaveGroup for several; an instance id for a static member: leave =A
 *     commit ann t-0=5 [as=ann#1/3]     OffsetCommit; of "nobody" without a membership
 *     txn ann 7/0 t-0=5 [as=ann#1/3]    TxnOffsetCommit of producer 7 with epoch 0; the log refuses old epochs
 *     marker 7 commit | abort           the producer's marker is written
 *     fetch t-0 [stable]                OffsetFetch; "fetch all"
 *     delete group | delete t-0         DeleteGroups, OffsetDelete
 *     describe                          DescribeGroups
 *     disk stalls | disk goes on        nothing becomes durable in between
 *     later 1000                        ms go by
 *     clock -1000                       the clock is set, by so many ms
 *     restart                           the broker dies; another replays the log
 */
import { expect } from "vitest";
import { defined } from "../../platform/assert.ts";
import { silentLogger } from "../../platform/logger.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { decodeVersioned, encodeVersioned, ZERO_UUID } from "../../protocol/codec.ts";
import { errorName } from "../../protocol/errors.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/internal/consumer-protocol.ts";
import type { MarkerType } from "../../protocol/records/control.ts";
import type { CoordinatorRecord, Reply } from "../coordinator.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import { describeConsumerRecord } from "./consumer-group/describe-record.testing.ts";
import { GroupCoordinator } from "./group-coordinator.ts";
import type {
  DescribedGroup,
  GroupRequestContext,
  JoinGroupRequest,
  JoinGroupResponse,
  OffsetCommitRequest,
  OffsetFetchTopicResult,
  SyncGroupResponse,
  TxnOffsetCommitRequest,
} from "./messages.ts";
import { decodeRecord } from "./records.ts";
import { describeStreamsRecord } from "./streams-group/describe-record.testing.ts";
import type { TopicCatalog } from "./topic-catalog.ts";
import type { GroupStep } from "./turn.ts";

export const GROUP = "g";

type LogEntry = CoordinatorRecord | { readonly marker: MarkerType; readonly producerId: number };

export interface Claim {
  memberId: string;
  generationId: number;
  groupInstanceId: string | null;
}

/** Topics, by name. One that is deleted and made anew has another id. */
export class TestTopics implements TopicCatalog {
  version = 0;
  readonly #topics = new Map<string, { readonly id: string; readonly partitionCount: number }>();

  topic(name: string): { readonly id: string; readonly partitionCount: number } | undefined {
    return this.#topics.get(name);
  }

  nameOf(topicId: string): string | undefined {
    for (const [name, { id }] of this.#topics) if (id === topicId) return name;
    return undefined;
  }

  names(): Iterable<string> {
    return this.#topics.keys();
  }

  /** Makes the topic have so many partitions; none: deletes it. */
  set(name: string, partitionCount: number): void {
    this.version++;
    const present = this.#topics.get(name);
    const id = present?.id ?? Buffer.from(`${name} ${this.version}`.padEnd(16)).toString("base64url");
    if (partitionCount === 0) this.#topics.delete(name);
    else this.#topics.set(name, { id, partitionCount });
  }
}

/** A coordinator and all that is around it: a log, topics, and time. */
export class World {
  now: number = 1_700_000_000_000;
  readonly log: LogEntry[] = [];
  readonly topics: TestTopics = new TestTopics();
  /** What happened since it was last looked at. */
  events: string[] = [];
  coordinator: GroupCoordinator;
  /** May be changed for the next restart. */
  config: Partial<GroupCoordinatorConfig>;
  readonly #random = seededRandom(1);
  /** Replies that wait for the disk; undefined while it keeps up. */
  #undurable: Reply[] | undefined = undefined;
  /** As much of the log as survives a power loss. */
  #durableEnd = 0;
  readonly #producerEpochs = new Map<number, number>();

  constructor(config: Partial<GroupCoordinatorConfig> = {}) {
    // Stories are shorter where nobody waits for the next assignment.
    this.config = { consumerAssignmentIntervalMs: 0, streamsAssignmentIntervalMs: 0, ...config };
    this.coordinator = this.load();
  }

  /** A coordinator with all that the log holds. */
  load(): GroupCoordinator {
    const { topics } = this;
    const coordinator = new GroupCoordinator({
      random: this.#random,
      logger: silentLogger,
      config: this.config,
      topics,
    });
    for (const [offset, entry] of this.log.entries()) {
      if ("marker" in entry) coordinator.applyMarker(entry.producerId, entry.marker);
      else coordinator.apply(entry, offset);
    }
    coordinator.loaded(this.now);
    return coordinator;
  }

  get durableEnd(): number {
    return this.#undurable ? this.#durableEnd : this.log.length;
  }

  /** A power loss: what was not durable is gone, and so are the requests that wait. */
  restart(): void {
    this.log.length = this.durableEnd;
    this.#undurable = undefined;
    this.coordinator = this.load();
  }

  /** What the runtime does with a step. */
  take(step: GroupStep): void {
    if (step.records.some((record) => this.#isFenced(record))) {
      defined(step.refused)("INVALID_PRODUCER_EPOCH");
      return;
    }
    for (const record of step.records) {
      this.coordinator.apply(record, this.log.length);
      this.log.push(record);
      this.events.push(`log: ${describeRecord(record, this.topics)}`);
    }
    if (this.#undurable) this.#undurable.push(...step.replies);
    else for (const reply of step.replies) reply();
  }

  #isFenced({ transaction }: CoordinatorRecord): boolean {
    if (!transaction) return false;
    const newest = this.#producerEpochs.get(transaction.producerId) ?? 0;
    this.#producerEpochs.set(transaction.producerId, Math.max(newest, transaction.producerEpoch));
    return transaction.producerEpoch < newest;
  }

  marker(producerId: number, marker: MarkerType): void {
    this.coordinator.applyMarker(producerId, marker);
    this.log.push({ marker, producerId });
  }

  /** Lets time go by, from deadline to deadline. */
  later(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.coordinator.nextDeadline();
      if (due === undefined || due > end) break;
      this.now = Math.max(this.now, due);
      this.take(this.coordinator.tick(this.now));
    }
    this.now = end;
  }

  setClock(byMs: number): void {
    this.now += byMs;
    this.coordinator.clockMoved(byMs);
  }

  stallDisk(): void {
    this.#durableEnd = this.durableEnd;
    this.#undurable ??= [];
  }

  resumeDisk(): void {
    const replies = this.#undurable ?? [];
    this.#undurable = undefined;
    for (const reply of replies) reply();
  }
}

export function joinRequest(fields: Partial<JoinGroupRequest>): JoinGroupRequest {
  return {
    groupId: GROUP,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: subscription(["t"]) }],
    reason: null,
    ...fields,
  };
}

export function subscription(topics: readonly string[]): Uint8Array {
  return encodeVersioned(consumerProtocolSubscription, 0, { topics });
}

/** "t-0=5 t-1=7" */
export function commitRequest(offsets: readonly string[], claim: Claim): OffsetCommitRequest {
  const { generationId, ...member } = claim;
  const topics = parseOffsets(offsets);
  return { groupId: GROUP, ...member, generationIdOrMemberEpoch: generationId, retentionTimeMs: -1, topics };
}

export function txnCommitRequest(producer: string, offsets: readonly string[], claim: Claim): TxnOffsetCommitRequest {
  const [producerId = 0, producerEpoch = 0] = producer.split("/").map(Number);
  const topics = parseOffsets(offsets);
  return { transactionalId: "tx", groupId: GROUP, producerId, producerEpoch, ...claim, topics };
}

function parseOffsets(offsets: readonly string[]): TxnOffsetCommitRequest["topics"] {
  return offsets.map((text) => {
    const [, name = "", partition, offset] = defined(/^(.*)-(\d+)=(-?\d+)$/.exec(text), text);
    const committed = { committedOffset: Number(offset), committedLeaderEpoch: -1, committedMetadata: null };
    return { name, topicId: ZERO_UUID, partitions: [{ partitionIndex: Number(partition), ...committed }] };
  });
}

/** The world with clients in it, who know what they were told. */
export class Stage {
  readonly world: World;
  readonly #clients = new Map<string, Claim>();
  readonly #labels = new Map<string, string>();

  constructor(world: World) {
    this.world = world;
  }

  claim(client: string): Claim {
    const claim = this.#clients.get(client) ?? { memberId: "", generationId: -1, groupInstanceId: null };
    this.#clients.set(client, claim);
    return claim;
  }

  /** "ann#1/3" as a claim. */
  parseClaim(text: string, groupInstanceId: string | null): Claim {
    const [label = "", generation = "-1"] = text.split("/");
    return { memberId: this.idOf(label), generationId: Number(generation), groupInstanceId };
  }

  label(memberId: string): string {
    if (memberId === "") return "nobody";
    // Made up by the member itself, as the consumer protocol has it.
    if (memberId.length < 37) return memberId;
    const known = this.#labels.get(memberId);
    if (known) return known;
    const prefix = memberId.slice(0, -37);
    const count = [...this.#labels.values()].filter((label) => label.startsWith(`${prefix}#`)).length;
    this.#labels.set(memberId, `${prefix}#${count + 1}`);
    return `${prefix}#${count + 1}`;
  }

  idOf(label: string): string {
    return [...this.#labels].find(([, each]) => each === label)?.[0] ?? label;
  }

  tell(line: string): void {
    this.world.events.push([...this.#labels].reduce((text, [id, label]) => text.replaceAll(id, label), line));
  }

  joined(client: string, response: JoinGroupResponse): void {
    const error = errorName(response.errorCode);
    const claim = this.claim(client);
    const memberId = this.label(response.memberId);
    if (error === "MEMBER_ID_REQUIRED") claim.memberId = response.memberId;
    if (error !== "NONE") {
      this.tell(`${client}: ${error}${error === "MEMBER_ID_REQUIRED" ? ` ${memberId}` : ""}`);
      return;
    }
    claim.memberId = response.memberId;
    claim.generationId = response.generationId ?? -1;
    const names = response.members.map((member) => this.label(member.memberId));
    const role = names.length > 0 ? `leads ${names.join(" ")}` : `follows ${this.label(response.leader)}`;
    const skip = response.skipAssignment ? ", assigns nothing" : "";
    this.tell(`${client}: ${memberId} in generation ${claim.generationId}, ${response.protocolName}, ${role}${skip}`);
  }

  synced(client: string, response: SyncGroupResponse): void {
    const error = errorName(response.errorCode);
    const assignment = Buffer.from(response.assignment).toString() || "nothing";
    this.tell(`${client}: ${error === "NONE" ? `gets ${assignment}` : error}`);
  }
}

/** What a line's verb does. */
export type Verb = (stage: Stage, line: Line) => void;

/** `more` are verbs of other tellers'. */
export function play(
  story: string,
  config: Partial<GroupCoordinatorConfig> = {},
  more: Readonly<Record<string, Verb>> = {},
): string {
  const stage = new Stage(new World(config));
  const lines: string[] = [];
  for (const line of story.split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (line === "" || line.startsWith("#")) continue;
    perform(stage, line, { ...verbs, ...more });
    for (const event of stage.world.events) lines.push(`  ${relabel(stage, event)}`);
    stage.world.events = [];
  }
  return lines.join("\n");
}

/** Tells a story and checks that it comes out as it is written. */
export type Tell = (story: string, config?: Partial<GroupCoordinatorConfig>) => void;

export function teller(playStory: (story: string, config?: Partial<GroupCoordinatorConfig>) => string): Tell {
  return (story, config) => {
    const text = story.trim();
    expect(playStory(text, config)).toBe(text);
  };
}

export const tellStory: Tell = teller(play);

function relabel(stage: Stage, event: string): string {
  return event.replace(/\S+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => stage.label(id));
}

/** A line in its parts. */
export interface Line {
  readonly verb: string;
  /** The first word behind the verb: mostly who acts. */
  readonly subject: string;
  readonly rest: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  readonly apiVersion: number;
}

function parse(text: string): Line {
  const [verb = "", ...words] = text.split(" ");
  const isOption = (word: string): boolean =>
    /^(static|offers|reads|owns|session|rebalance|as|has|regex|assignor|in|runs|program|at|standby)=/.test(word);
  const options = new Map(words.filter(isOption).map((word) => word.split("=") as [string, string]));
  const apiVersion = Number(words.find((word) => /^v\d+$/.test(word))?.slice(1) ?? 9);
  const [subject = "", ...rest] = words.filter((word) => !isOption(word) && !/^v\d+$/.test(word));
  return { verb, subject, rest, options, apiVersion };
}

function perform(stage: Stage, text: string, known: Readonly<Record<string, Verb>>): void {
  const line = parse(text);
  const act = defined(known[line.verb], `nobody knows how to "${text}"`);
  act(stage, line);
}

const verbs: Readonly<Record<string, Verb>> = {
  join,
  sync,
  beat,
  leave,
  commit,
  txn,
  fetch: fetchOffsets,
  delete: remove,
  describe,
  marker: ({ world }, { subject, rest }) => world.marker(Number(subject), rest[0] as MarkerType),
  later: ({ world }, { subject }) => world.later(Number(subject)),
  clock: ({ world }, { subject }) => world.setClock(Number(subject)),
  restart: ({ world }) => world.restart(),
  disk: ({ world }, { subject }) => (subject === "stalls" ? world.stallDisk() : world.resumeDisk()),
};

export function contextOf({ subject, apiVersion }: Line): GroupRequestContext {
  return { apiVersion, clientId: subject, clientHost: "/127.0.0.1" };
}

function claimOf(stage: Stage, { subject, options }: Line): Claim {
  const own = stage.claim(subject);
  const as = options.get("as");
  return as === undefined ? own : stage.parseClaim(as, own.groupInstanceId);
}

function join(stage: Stage, line: Line): void {
  const { subject, rest, options } = line;
  const claim = stage.claim(subject);
  if (rest.includes("anew")) Object.assign(claim, { memberId: "", generationId: -1 });
  claim.groupInstanceId = options.get("static") ?? claim.groupInstanceId;
  const metadata = subscription((options.get("reads") ?? "t").split(","));
  const request = joinRequest({
    memberId: claim.memberId,
    groupInstanceId: claim.groupInstanceId,
    protocols: (options.get("offers") ?? "range").split(",").map((name) => ({ name, metadata })),
    sessionTimeoutMs: Number(options.get("session") ?? 10_000),
    rebalanceTimeoutMs: Number(options.get("rebalance") ?? 60_000),
  });
  const { world } = stage;
  const reply = (response: JoinGroupResponse): void => stage.joined(subject, response);
  world.take(world.coordinator.joinGroup(request, contextOf(line), world.now, reply));
}

function sync(stage: Stage, line: Line): void {
  const assignments = line.rest.map((text) => {
    const [label = "", assignment = ""] = text.split("=");
    return { memberId: stage.idOf(label), assignment: Buffer.from(assignment) };
  });
  const request = { groupId: GROUP, ...claimOf(stage, line), protocolType: null, protocolName: null, assignments };
  const { world } = stage;
  world.take(world.coordinator.syncGroup(request, world.now, (response) => stage.synced(line.subject, response)));
}

function beat(stage: Stage, line: Line): void {
  const { world } = stage;
  const request = { groupId: GROUP, ...claimOf(stage, line) };
  world.take(
    world.coordinator.heartbeat(request, world.now, ({ errorCode }) =>
      stage.tell(`${line.subject}: ${errorName(errorCode)}`),
    ),
  );
}

function leave(stage: Stage, line: Line): void {
  const { world } = stage;
  const members = [line.subject, ...line.rest].map((name) => {
    if (name.startsWith("=")) return { memberId: "", groupInstanceId: name.slice(1), reason: null };
    const { memberId, groupInstanceId } = stage.claim(name);
    return { memberId, groupInstanceId, reason: null };
  });
  const request = { groupId: GROUP, memberId: "", members };
  world.take(
    world.coordinator.leaveGroup(request, { ...contextOf(line), apiVersion: 5 }, world.now, (response) =>
      stage.tell(`left: ${response.members?.map((member) => errorName(member.errorCode)).join(" ")}`),
    ),
  );
}

function commit(stage: Stage, line: Line): void {
  const { world } = stage;
  const request = commitRequest(line.rest, claimOf(stage, line));
  world.take(
    world.coordinator.commitOffsets(request, contextOf(line), world.now, ({ topics }) =>
      stage.tell(`${line.subject}: ${errorName(defined(topics[0]?.partitions[0]).errorCode)}`),
    ),
  );
}

function txn(stage: Stage, line: Line): void {
  const { world } = stage;
  const [producer = "", ...offsets] = line.rest;
  const request = txnCommitRequest(producer, offsets, claimOf(stage, line));
  world.take(
    world.coordinator.commitTransactionalOffsets(request, world.now, ({ topics }) =>
      stage.tell(`${line.subject}: ${errorName(defined(topics[0]?.partitions[0]).errorCode)}`),
    ),
  );
}

/** "t-0" */
function parsePartition(text: string): { name: string; partition: number } | undefined {
  const match = /^(.*)-(\d+)$/.exec(text);
  return match ? { name: match[1] ?? "", partition: Number(match[2]) } : undefined;
}

function fetchOffsets(stage: Stage, { subject, rest }: Line): void {
  const { world } = stage;
  const one = parsePartition(subject);
  const topics = one ? [{ name: one.name, topicId: ZERO_UUID, partitionIndexes: [one.partition] }] : null;
  const request = { groupId: GROUP, memberId: null, memberEpoch: -1, topics };
  world.take(
    world.coordinator.fetchOffsets(request, rest.includes("stable"), world.now, (response) =>
      stage.tell(`offsets: ${response.topics.flatMap(describeOffsets).join(" ") || "none"}`),
    ),
  );
}

function remove(stage: Stage, { subject }: Line): void {
  const { world } = stage;
  const one = parsePartition(subject);
  if (!one) {
    world.take(
      world.coordinator.deleteGroups([GROUP], world.now, ([result]) =>
        stage.tell(errorName(defined(result).errorCode)),
      ),
    );
    return;
  }
  const request = { groupId: GROUP, topics: [{ name: one.name, partitions: [{ partitionIndex: one.partition }] }] };
  world.take(
    world.coordinator.deleteOffsets(request, world.now, ({ errorCode, topics }) =>
      stage.tell(errorName(errorCode || (topics[0]?.partitions[0]?.errorCode ?? 0))),
    ),
  );
}

function describe(stage: Stage, line: Line): void {
  const { world } = stage;
  world.take(
    world.coordinator.describeGroup(GROUP, { ...contextOf(line), apiVersion: 5 }, world.now, (group) =>
      stage.tell(describeGroup(stage, group)),
    ),
  );
}

function describeOffsets({ name, partitions }: OffsetFetchTopicResult): string[] {
  return partitions.map(({ partitionIndex, committedOffset, errorCode }) => {
    const shown = errorCode === 0 ? committedOffset : errorName(errorCode);
    return `${name}-${partitionIndex}=${shown}`;
  });
}

function describeGroup(stage: Stage, { groupState, protocolType, protocolData, members }: DescribedGroup): string {
  const described = members.map(
    ({ memberId, memberAssignment }) => `${stage.label(memberId)}=${describeAssignment(memberAssignment)}`,
  );
  return [groupState, protocolType, protocolData, ...described].filter((word) => word !== "").join(" ");
}

function describeRecord(record: CoordinatorRecord, topics: TestTopics): string {
  const decoded = defined(decodeRecord(record));
  if (decoded.kind === "offset") {
    const { topic, partition } = decoded.key;
    const transaction = record.transaction ? ` if ${record.transaction.producerId} commits` : "";
    return `${topic}-${partition} ${decoded.value ? decoded.value.offset : "deleted"}${transaction}`;
  }
  if (decoded.kind === "streams") return describeStreamsRecord(decoded.record);
  if (decoded.kind === "consumer") return describeConsumerRecord(decoded.record, topics);
  if (!decoded.value) return "the group is deleted";
  const { generation, members } = decoded.value;
  const assigned = members.map(({ memberId, assignment }) => `${memberId}=${describeAssignment(assignment)}`);
  return `generation ${generation}: ${assigned.join(" ") || "nobody"}`;
}

/** Mostly a text that a story has made up; of a group that was of the consumer protocol "t0,t1". */
function describeAssignment(assignment: Uint8Array): string {
  if (assignment[0] !== 0) return Buffer.from(assignment).toString();
  const { assignedPartitions } = decodeVersioned(consumerProtocolAssignment, assignment);
  return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}${p}`)).join(",");
}
