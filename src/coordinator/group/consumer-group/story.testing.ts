/**
 * Stories of consumer groups, told as in ../story.testing.ts, in whose words members speak the classic protocol. A member
 * of the new protocol goes by its own name.
 *
 *     topic t 4                         there is a topic with 4 partitions; 0: it is deleted
 *     enter ann [reads=t,u] [regex=t.*] [static=A] [assignor=range] [rebalance=ms]
 *                                       a heartbeat that joins
 *     pulse ann [has=t0,t1] [reads=u] [as=ann/3]
 *                                       a heartbeat that says only what is given here; "has=-": nothing
 *     tell ann                          a heartbeat that says everything
 *     exit ann [away]                   leaves; a static member for a while
 *     rejoin ann reads=t [owns=t0,t1] [offers=range,own?]
 *                                       JoinGroup of the classic protocol, with what the consumer has; "?": a protocol for
 *                                       which it gives no subscription
 *     resync ann [ann#1=t0,t1]          its SyncGroup; a leader's, with what each member gets
 *     show                              ConsumerGroupDescribe
 */
import { decodeVersioned, encodeVersioned } from "../../../protocol/codec.ts";
import { errorName } from "../../../protocol/errors.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../protocol/internal/consumer-protocol.ts";
import type { GroupCoordinatorConfig } from "../config.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  DescribedConsumerGroup,
} from "../messages.ts";
import { partitionSet, type TopicPartitions } from "../partitions.ts";
import {
  contextOf,
  GROUP,
  joinRequest,
  type Line,
  play,
  type Stage,
  type Tell,
  type TestTopics,
  teller,
  type Verb,
} from "../story.testing.ts";
import { describePartitions } from "./describe-record.testing.ts";

const SAYS_NOTHING = {
  groupId: GROUP,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
} as const;

const HEARTBEAT_VERSION = 1;

/** What members know of themselves, beside the stage's claims. */
class Cast {
  readonly subscriptions = new Map<string, Partial<ConsumerGroupHeartbeatRequest>>();
  readonly owned = new Map<string, readonly TopicPartitions[]>();
}

function playConsumerStory(story: string, config: Partial<GroupCoordinatorConfig> = {}): string {
  return play(story, config, verbsOf(new Cast()));
}

export const tellConsumerStory: Tell = teller(playConsumerStory);

function verbsOf(cast: Cast): Readonly<Record<string, Verb>> {
  return {
    topic: ({ world }, { subject, rest }) => world.topics.set(subject, Number(rest[0])),
    enter: (stage, line) => enter(stage, line, cast),
    pulse: (stage, line) => pulse(stage, line, cast),
    tell: (stage, line) => tell(stage, line, cast),
    exit,
    rejoin,
    resync,
    show,
  };
}

function enter(stage: Stage, line: Line, cast: Cast): void {
  const { subject, options } = line;
  const regex = options.get("regex");
  const said = {
    instanceId: options.get("static") ?? null,
    rebalanceTimeoutMs: Number(options.get("rebalance") ?? 60_000),
    serverAssignor: options.get("assignor") ?? null,
    subscribedTopicRegex: regex ?? null,
    subscribedTopicNames: regex === undefined || options.has("reads") ? namesIn(options.get("reads") ?? "t") : null,
  };
  cast.subscriptions.set(subject, said);
  Object.assign(stage.claim(subject), { memberId: subject, generationId: 0, groupInstanceId: said.instanceId });
  heartbeat(stage, line, cast, { ...SAYS_NOTHING, ...said, topicPartitions: [], memberId: subject, memberEpoch: 0 });
}

function pulse(stage: Stage, line: Line, cast: Cast): void {
  const { subject, options } = line;
  const { groupInstanceId, ...own } = stage.claim(subject);
  const as = options.get("as");
  const claim = as === undefined ? own : stage.parseClaim(as, groupInstanceId);
  const has = options.get("has");
  const reads = options.get("reads");
  heartbeat(stage, line, cast, {
    ...SAYS_NOTHING,
    memberId: claim.memberId,
    memberEpoch: claim.generationId,
    instanceId: groupInstanceId,
    topicPartitions: has === undefined ? null : parsePartitions(has, stage.world.topics),
    subscribedTopicNames: reads === undefined ? null : namesIn(reads),
    subscribedTopicRegex: options.get("regex") ?? null,
    serverAssignor: options.get("assignor") ?? null,
  });
}

function tell(stage: Stage, line: Line, cast: Cast): void {
  const { memberId, generationId } = stage.claim(line.subject);
  const said = cast.subscriptions.get(line.subject);
  const topicPartitions = [...(cast.owned.get(line.subject) ?? [])].map((topic) => ({
    ...topic,
    partitions: [...topic.partitions],
  }));
  heartbeat(stage, line, cast, { ...SAYS_NOTHING, ...said, topicPartitions, memberId, memberEpoch: generationId });
}

function exit(stage: Stage, line: Line): void {
  const { memberId, groupInstanceId: instanceId } = stage.claim(line.subject);
  const memberEpoch = line.rest[0] === "away" ? -2 : -1;
  send(stage, line, { ...SAYS_NOTHING, memberId, memberEpoch, instanceId }, (response) => {
    const error = errorName(response.errorCode);
    stage.tell(`${line.subject}: ${error === "NONE" ? "bye" : error}`);
  });
}

function heartbeat(stage: Stage, line: Line, cast: Cast, request: ConsumerGroupHeartbeatRequest): void {
  const { subject } = line;
  send(stage, line, request, ({ errorCode, memberEpoch, assignment = null }) => {
    const error = errorName(errorCode);
    if (error !== "NONE") {
      stage.tell(`${subject}: ${error}`);
      return;
    }
    stage.claim(subject).generationId = memberEpoch;
    if (assignment) cast.owned.set(subject, assignment.topicPartitions);
    const { topics } = stage.world;
    const news = assignment ? `, has ${describePartitions(partitionSet(assignment.topicPartitions), topics)}` : "";
    stage.tell(`${subject}: epoch ${memberEpoch}${news}`);
  });
}

function send(
  { world }: Stage,
  line: Line,
  request: ConsumerGroupHeartbeatRequest,
  reply: (response: ConsumerGroupHeartbeatResponse) => void,
): void {
  const context = { ...contextOf(line), apiVersion: HEARTBEAT_VERSION };
  world.take(world.coordinator.consumerGroupHeartbeat(request, context, world.now, reply));
}

function rejoin(stage: Stage, line: Line): void {
  const { world } = stage;
  const { subject, options } = line;
  const claim = stage.claim(subject);
  claim.groupInstanceId = options.get("static") ?? claim.groupInstanceId;
  const ownedPartitions = parsePartitions(options.get("owns") ?? "-", world.topics).map(({ topicId, partitions }) => {
    return { topic: world.topics.nameOf(topicId) ?? "", partitions };
  });
  const metadata = encodeVersioned(consumerProtocolSubscription, 1, {
    topics: namesIn(options.get("reads") ?? "t"),
    ownedPartitions,
  });
  const request = joinRequest({
    memberId: claim.memberId,
    groupInstanceId: claim.groupInstanceId,
    protocols: (options.get("offers") ?? "range").split(",").map((name) => {
      return name.endsWith("?") ? { name: name.slice(0, -1), metadata: new Uint8Array(0) } : { name, metadata };
    }),
  });
  const reply = (response: Parameters<Stage["joined"]>[1]): void => stage.joined(subject, response);
  world.take(world.coordinator.joinGroup(request, contextOf(line), world.now, reply));
}

function resync(stage: Stage, line: Line): void {
  const { world } = stage;
  const request = {
    groupId: GROUP,
    ...stage.claim(line.subject),
    protocolType: "consumer",
    protocolName: null,
    assignments: line.rest.map((text) => {
      const [label = "", partitions = ""] = text.split("=");
      return { memberId: stage.idOf(label), assignment: encodeAssignment(partitions, world.topics) };
    }),
  };
  world.take(
    world.coordinator.syncGroup(request, world.now, ({ errorCode, assignment }) => {
      const error = errorName(errorCode);
      stage.tell(`${line.subject}: ${error === "NONE" ? `gets ${describeAssignment(assignment)}` : error}`);
    }),
  );
}

function encodeAssignment(text: string, topics: TestTopics): Uint8Array {
  const assignedPartitions = parsePartitions(text, topics).map(({ topicId, partitions }) => {
    return { topic: topics.nameOf(topicId) ?? "", partitions };
  });
  return encodeVersioned(consumerProtocolAssignment, 1, { assignedPartitions });
}

function describeAssignment(assignment: Uint8Array): string {
  const { assignedPartitions } = decodeVersioned(consumerProtocolAssignment, assignment);
  return assignedPartitions.map(({ topic, partitions }) => `${topic} ${partitions.join(" ")}`).join(", ") || "nothing";
}

function show(stage: Stage): void {
  const { world } = stage;
  world.take(world.coordinator.describeConsumerGroup(GROUP, world.now, (group) => stage.tell(describeGroup(group))));
}

function describeGroup({ errorCode, groupState, groupEpoch, members }: DescribedConsumerGroup): string {
  const error = errorName(errorCode);
  if (error !== "NONE") return error;
  const described = members.map(({ memberId, memberEpoch, assignment }) => {
    const has = assignment.topicPartitions.map(({ topicName, partitions }) => `${topicName} ${partitions.join(" ")}`);
    return `${memberId} at ${memberEpoch} has ${has.join(", ") || "nothing"}`;
  });
  return [`${groupState} at ${groupEpoch}`, ...described].join("; ");
}

function namesIn(reads: string): string[] {
  return reads.split(",").filter((name) => name !== "-");
}

/** "t0,t1,u3" */
function parsePartitions(text: string, topics: TestTopics): { topicId: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const [, name = "", partition] of text.matchAll(/([a-z]+)(\d+)/g)) {
    const id = topics.topic(name)?.id ?? name;
    byTopic.set(id, [...(byTopic.get(id) ?? []), Number(partition)]);
  }
  return Array.from(byTopic, ([topicId, partitions]) => ({ topicId, partitions }));
}
