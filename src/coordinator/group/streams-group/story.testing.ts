/**
 * Stories of streams groups, told as in ../story.testing.ts. Members run one of two programs: "copy" reads topic t; "count"
 * reads it (subtopology 0), sends words to topic words, and reads these (subtopology 1), whose counts are in topic counts.
 *
 *     topic t 4                         there is a topic with 4 partitions; 0: it is deleted
 *     enter ann [in=P] [runs=count] [program=3] [rebalance=ms] [at=host:1]
 *                                       a heartbeat that joins: its process, program, the program's epoch, its endpoint
 *     pulse ann [has=0_0,0_1] [standby=1_0] [as=ann/3] [stop]
 *                                       a heartbeat that says only what is given here; "has=-": nothing. "stop": it wants
 *                                       all to stop
 *     exit ann                          leaves
 *     show                              StreamsGroupDescribe
 */
import { defined } from "../../../platform/assert.ts";
import { errorName } from "../../../protocol/errors.ts";
import type { GroupCoordinatorConfig } from "../config.ts";
import type { DescribedStreamsGroup, StreamsGroupHeartbeatRequest } from "../messages.ts";
import { contextOf, GROUP, type Line, play, type Stage, type Tell, teller, type Verb } from "../story.testing.ts";
import type { NewTopic } from "./configure-topology.ts";
import { describeTasks } from "./describe-record.testing.ts";
import type { StreamsHeartbeatResult } from "./heartbeat.ts";
import { taskSet } from "./tasks.ts";
import type { InternalTopic, Subtopology, Topology } from "./topology.ts";

export const SAYS_NOTHING: Omit<StreamsGroupHeartbeatRequest, "memberId" | "memberEpoch"> = {
  groupId: GROUP,
  endpointInformationEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topology: null,
  activeTasks: null,
  standbyTasks: null,
  warmupTasks: null,
  processId: null,
  userEndpoint: null,
  clientTags: null,
  taskOffsets: null,
  taskEndOffsets: null,
  shutdownApplication: false,
};

export function internalTopic(name: string, partitions = 0): InternalTopic {
  return { name, partitions, replicationFactor: -1, topicConfigs: [] };
}

export function subtopology(fields: Partial<Subtopology>): Subtopology {
  return {
    subtopologyId: "0",
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...fields,
  };
}

/** Programs by name. */
export const programs: Readonly<Record<string, readonly Subtopology[]>> = {
  copy: [subtopology({ sourceTopics: ["t"] })],
  count: [
    subtopology({ sourceTopics: ["t"], repartitionSinkTopics: ["words"] }),
    subtopology({
      subtopologyId: "1",
      repartitionSourceTopics: [internalTopic("words")],
      stateChangelogTopics: [internalTopic("counts")],
    }),
  ],
};

export function program(name: string, epoch = 0): Topology {
  return { epoch, subtopologies: [...defined(programs[name], `no program is called ${name}`)] };
}

/** How much members know of endpoints, beside the stage's claims. */
type EndpointEpochs = Map<string, number>;

function playStreamsStory(story: string, config: Partial<GroupCoordinatorConfig> = {}): string {
  return play(story, { streamsInitialRebalanceDelayMs: 0, ...config }, verbsOf(new Map()));
}

export const tellStreamsStory: Tell = teller(playStreamsStory);

function verbsOf(known: EndpointEpochs): Readonly<Record<string, Verb>> {
  return {
    topic: ({ world }, { subject, rest }) => world.topics.set(subject, Number(rest[0])),
    enter: (stage, line) => enter(stage, line, known),
    pulse: (stage, line) => pulse(stage, line, known),
    exit,
    show,
  };
}

function enter(stage: Stage, line: Line, known: EndpointEpochs): void {
  const { subject, options } = line;
  Object.assign(stage.claim(subject), { memberId: subject, generationId: 0 });
  const [host, port] = options.get("at")?.split(":") ?? [];
  heartbeat(stage, line, known, {
    ...SAYS_NOTHING,
    memberId: subject,
    memberEpoch: 0,
    rebalanceTimeoutMs: Number(options.get("rebalance") ?? 60_000),
    topology: program(options.get("runs") ?? "copy", Number(options.get("program") ?? 0)),
    processId: options.get("in") ?? subject.toUpperCase(),
    userEndpoint: host === undefined ? null : { host, port: Number(port) },
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
  });
}

function pulse(stage: Stage, line: Line, known: EndpointEpochs): void {
  const { subject, rest, options } = line;
  const as = options.get("as");
  const { memberId, generationId } = as === undefined ? stage.claim(subject) : stage.parseClaim(as, null);
  const has = options.get("has");
  const tasks = {
    activeTasks: parseTasks(has ?? "-"),
    standbyTasks: parseTasks(options.get("standby") ?? "-"),
    warmupTasks: [],
  };
  heartbeat(stage, line, known, {
    ...SAYS_NOTHING,
    memberId,
    memberEpoch: generationId,
    ...(has === undefined ? {} : tasks),
    shutdownApplication: rest.includes("stop"),
  });
}

function exit(stage: Stage, line: Line): void {
  const { memberId } = stage.claim(line.subject);
  send(stage, line, { ...SAYS_NOTHING, memberId, memberEpoch: -1 }, ({ response }) => {
    const error = errorName(response.errorCode);
    stage.tell(`${line.subject}: ${error === "NONE" ? "bye" : error}`);
  });
}

function heartbeat(stage: Stage, line: Line, known: EndpointEpochs, request: StreamsGroupHeartbeatRequest): void {
  const { subject } = line;
  const endpointInformationEpoch = request.memberEpoch === 0 ? 0 : (known.get(subject) ?? 0);
  send(stage, line, { ...request, endpointInformationEpoch }, ({ response, missingTopics }) => {
    const error = errorName(response.errorCode);
    if (error !== "NONE") {
      stage.tell(`${subject}: ${error}`);
      return;
    }
    stage.claim(subject).generationId = response.memberEpoch;
    known.set(subject, response.endpointInformationEpoch);
    stage.tell([`${subject}: epoch ${response.memberEpoch}`, ...newsIn(response, missingTopics)].join(", "));
  });
}

function newsIn(response: StreamsHeartbeatResult["response"], missingTopics: readonly NewTopic[]): string[] {
  const { activeTasks = null, standbyTasks = null, warmupTasks = null, partitionsByUserEndpoint = null } = response;
  const tasks = { active: taskSet(activeTasks ?? []), standby: taskSet(standbyTasks ?? []) };
  const has = activeTasks ? [`has ${describeTasks({ ...tasks, warmup: taskSet(warmupTasks ?? []) })}`] : [];
  const endpoints = (partitionsByUserEndpoint ?? []).map(({ userEndpoint, activePartitions }) => {
    const partitions = activePartitions.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}-${p}`));
    return `ask ${userEndpoint.host} for ${partitions.join(" ") || "nothing"}`;
  });
  const topics = missingTopics.map(({ name, partitions }) => `make ${name} ${partitions}`);
  return [...has, ...endpoints, ...topics, ...(response.status ?? []).map(({ statusDetail }) => statusDetail)];
}

function send(
  { world }: Stage,
  line: Line,
  request: StreamsGroupHeartbeatRequest,
  reply: (result: StreamsHeartbeatResult) => void,
): void {
  world.take(world.coordinator.streamsGroupHeartbeat(request, contextOf(line), world.now, reply));
}

function show(stage: Stage): void {
  const { world } = stage;
  world.take(world.coordinator.describeStreamsGroup(GROUP, world.now, (group) => stage.tell(describeGroup(group))));
}

function describeGroup({ errorCode, groupState, groupEpoch, members }: DescribedStreamsGroup): string {
  const error = errorName(errorCode);
  if (error !== "NONE") return error;
  const described = members.map(({ memberId, memberEpoch, assignment }) => {
    const { activeTasks, standbyTasks, warmupTasks } = assignment;
    const tasks = { active: taskSet(activeTasks), standby: taskSet(standbyTasks), warmup: taskSet(warmupTasks) };
    return `${memberId} at ${memberEpoch} has ${describeTasks(tasks)}`;
  });
  return [`${groupState} at ${groupEpoch}`, ...described].join("; ");
}

/** "0_0,0_1,1_3" */
function parseTasks(text: string): { subtopologyId: string; partitions: number[] }[] {
  const bySubtopology = new Map<string, number[]>();
  for (const [, id = "", partition] of text.matchAll(/(\w)_(\d+)/g)) {
    bySubtopology.set(id, [...(bySubtopology.get(id) ?? []), Number(partition)]);
  }
  return Array.from(bySubtopology, ([subtopologyId, partitions]) => ({ subtopologyId, partitions }));
}
