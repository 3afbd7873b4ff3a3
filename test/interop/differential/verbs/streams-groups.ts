/** The requests of Kafka Streams' members in a streams group (KIP-1071), as steps. */
import { streamsGroupDescribe } from "../../../../src/protocol/apis/streams-group-describe.ts";
import { streamsGroupHeartbeat } from "../../../../src/protocol/apis/streams-group-heartbeat.ts";
import type { RequestBody, ResponseOf } from "../../../../src/protocol/schema.ts";
import type { AskOptions, Side } from "../side.ts";

export type Beat = RequestBody<typeof streamsGroupHeartbeat>;
type Described = ResponseOf<typeof streamsGroupDescribe>["groups"][number];
type Response = ResponseOf<typeof streamsGroupHeartbeat>;
type Topology = NonNullable<Beat["topology"]>;
export type Subtopology = Topology["subtopologies"][number];

const REBALANCE_MS = 120_000;

/** What a member knows of itself. Tasks as "0_0 0_1". */
export interface StreamsMember {
  readonly name: string;
  readonly epoch: number;
  readonly active: string;
}

export function newcomer(name: string): StreamsMember {
  return { name, epoch: 0, active: "" };
}

/** Of a program of one subtopology, which reads topics. */
export function reads(side: Side, topics: readonly string[], fields: Partial<Subtopology> = {}): Subtopology {
  return {
    subtopologyId: "0",
    sourceTopics: topics.map((name) => side.unique(name)),
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...fields,
  };
}

export function internalTopic(
  side: Side,
  name: string,
  partitions = 0,
): Subtopology["repartitionSourceTopics"][number] {
  return { name: side.unique(name), partitions, replicationFactor: 1, topicConfigs: [] };
}

/** One heartbeat that joins. */
export function enter(
  side: Side,
  groupId: string,
  name: string,
  subtopologies: readonly Subtopology[],
  options: AskOptions & { readonly epoch?: number; readonly process?: string } = {},
): Promise<StreamsMember> {
  const topology = { epoch: options.epoch ?? 0, subtopologies: [...subtopologies] };
  const tasks = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
  const processId = options.process ?? `process of ${name}`;
  const said = { topology, ...tasks, processId, rebalanceTimeoutMs: REBALANCE_MS };
  return pulse(side, groupId, newcomer(name), said, { note: `${name} joins`, ...options });
}

/** One heartbeat. The member is who it is then. */
export async function pulse(
  side: Side,
  groupId: string,
  member: StreamsMember,
  said: Partial<Beat> = {},
  options: AskOptions = {},
): Promise<StreamsMember> {
  const note = options.note ?? `${member.name} at ${member.epoch} ${JSON.stringify(said)}`;
  const body = heartbeatOf(side, groupId, member, said);
  return taught(member, await side.ask(streamsGroupHeartbeat, 0, body, { ...options, note }, told));
}

/** The same, which is no step. */
export async function pulseAside(side: Side, groupId: string, member: StreamsMember): Promise<StreamsMember> {
  return taught(member, await side.peek(streamsGroupHeartbeat, 0, heartbeatOf(side, groupId, member, {})));
}

function heartbeatOf(side: Side, groupId: string, { name, epoch }: StreamsMember, said: Partial<Beat>): Beat {
  return {
    groupId: groupId && side.unique(groupId),
    memberId: name && side.unique(name),
    memberEpoch: epoch,
    endpointInformationEpoch: 0,
    shutdownApplication: false,
    ...said,
  };
}

function taught(member: StreamsMember, { errorCode, memberEpoch, activeTasks }: Response): StreamsMember {
  if (errorCode !== 0) return member;
  return { ...member, epoch: memberEpoch, active: activeTasks ? show(activeTasks) : member.active };
}

/** Says what the member has. */
export function has(
  side: Side,
  groupId: string,
  member: StreamsMember,
  options: AskOptions & { readonly active?: string } = {},
): Promise<StreamsMember> {
  const { active = member.active } = options;
  const note = `${member.name} at ${member.epoch} has ${active || "nothing"}`;
  const tasks = { activeTasks: parse(active), standbyTasks: [], warmupTasks: [] };
  return pulse(side, groupId, member, tasks, { note, ...options });
}

/** Which endpoints there were when is each coordinator's own way to count. Topics that a status names stand in the order of their
 * hashes with Apache Kafka, which is another one in each run: words are compared, not their order. */
function told({ endpointInformationEpoch: _, status, ...response }: Response): unknown {
  const statuses = status?.map(({ statusCode, statusDetail }) => ({ statusCode, statusDetail: words(statusDetail) }));
  return { ...response, status: statuses ?? null };
}

function words(text: string): string {
  return text
    .split(/[\s,[\]{}]+/)
    .sort()
    .join(" ");
}

function show(tasks: NonNullable<Response["activeTasks"]>): string {
  return tasks.flatMap(({ subtopologyId: id, partitions }) => partitions.map((each) => `${id}_${each}`)).join(" ");
}

function parse(tasks: string): { subtopologyId: string; partitions: number[] }[] {
  const bySubtopology = new Map<string, number[]>();
  for (const [, id = "", partition] of tasks.matchAll(/(\w+)_(\d+)/g)) {
    bySubtopology.set(id, [...(bySubtopology.get(id) ?? []), Number(partition)]);
  }
  return Array.from(bySubtopology, ([subtopologyId, partitions]) => ({ subtopologyId, partitions }));
}

export async function describeStreamsGroup(
  side: Side,
  groupId: string,
  options: AskOptions & { readonly select?: (group: Described) => unknown } = {},
): Promise<void> {
  const { select = (group) => group } = options;
  const body = { groupIds: [side.unique(groupId)], includeAuthorizedOperations: false };
  await side.ask(streamsGroupDescribe, 0, body, options, ({ groups }) => groups.map(select));
}
