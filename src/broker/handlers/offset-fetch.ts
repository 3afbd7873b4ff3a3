/** OffsetFetch: how far groups have come. */
import type { OffsetFetchGroup, OffsetFetchGroupResult } from "../../coordinator/group/messages.ts";
import { offsetFetch } from "../../protocol/apis/offset-fetch.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { eachOnce } from "./duplicates.ts";

type FetchRequest = RequestOf<typeof offsetFetch>;
type FetchResponse = ResponseBody<typeof offsetFetch>;
type TopicResult = OffsetFetchGroupResult["topics"][number];

/** The first version that asks for several groups. */
const BATCHED_VERSION = 8;
/** The first version that names topics by id. */
const TOPIC_ID_VERSION = 10;
/** The first version with an error beside those of the partitions. */
const GROUP_ERROR_VERSION = 2;

export function offsetFetchHandler(services: BrokerServices): Handler<typeof offsetFetch> {
  return {
    api: offsetFetch,
    holdsNext: true,
    async handle(request, { apiVersion }, reply) {
      const groups = apiVersion < BATCHED_VERSION ? [singleGroup(request)] : withoutRepetitions(request.groups);
      const results = await Promise.all(
        groups.map((group) => fetchGroup(services, group, request.requireStable, apiVersion)),
      );
      reply(apiVersion < BATCHED_VERSION ? singleResponse(request, results[0], apiVersion) : { groups: results });
    },
  };
}

/** All of a group's offsets are told once. */
function withoutRepetitions(groups: readonly OffsetFetchGroup[]): OffsetFetchGroup[] {
  const whole = eachOnce(
    groups.filter(({ topics }) => topics === null),
    ({ groupId }) => groupId,
  );
  const told = new Set(whole);
  return groups.filter((group) => group.topics !== null || told.has(group));
}

function singleGroup({ groupId, topics }: FetchRequest): OffsetFetchGroup {
  return {
    groupId,
    memberId: null,
    memberEpoch: -1,
    topics: topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null,
  };
}

function singleResponse(
  { topics }: FetchRequest,
  result: OffsetFetchGroupResult | undefined,
  apiVersion: number,
): FetchResponse {
  const errorCode = result?.errorCode ?? errorCodes.UNKNOWN_SERVER_ERROR;
  if (errorCode === errorCodes.NONE || apiVersion >= GROUP_ERROR_VERSION) {
    return { errorCode, topics: result?.topics.map((topic) => ({ ...topic, name: topic.name ?? "" })) ?? [] };
  }
  // The oldest version has the error in each partition only.
  return {
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => noOffset(index, errorCode)),
    })),
  };
}

async function fetchGroup(
  services: BrokerServices,
  group: OffsetFetchGroup,
  requireStable: boolean,
  apiVersion: number,
): Promise<OffsetFetchGroupResult> {
  const { image, groups } = services;
  const isById = apiVersion >= TOPIC_ID_VERSION;
  const unknown: TopicResult[] = [];
  const topics = group.topics?.flatMap((topic) => {
    const known = isById ? image.topicById(topic.topicId) : image.topic(topic.name);
    if (known) return [{ ...topic, name: known.name, topicId: known.id }];
    // By name, offsets of a topic that is gone are simply not found.
    if (!isById) return [topic];
    const partitions = topic.partitionIndexes.map((index) => noOffset(index, errorCodes.UNKNOWN_TOPIC_ID));
    unknown.push({ topicId: topic.topicId, partitions });
    return [];
  });
  const result = await new Promise<OffsetFetchGroupResult>((resolve) => {
    groups.request<OffsetFetchGroupResult>(
      group.groupId,
      (machine, now, answer) => machine.fetchOffsets({ ...group, topics: topics ?? null }, requireStable, now, answer),
      resolve,
      (error) => ({ groupId: group.groupId, topics: [], errorCode: errorCodes[error] }),
    );
  });
  if (result.errorCode !== errorCodes.NONE) return result;
  const found = isById ? result.topics.flatMap((topic) => withId(services, topic)) : result.topics;
  return { ...result, topics: [...found, ...unknown] };
}

/** A topic that is gone has no id to be answered under. */
function withId({ image }: BrokerServices, topic: TopicResult): TopicResult[] {
  const topicId = topic.topicId && topic.topicId !== ZERO_UUID ? topic.topicId : image.topic(topic.name ?? "")?.id;
  return topicId === undefined ? [] : [{ ...topic, topicId }];
}

function noOffset(partitionIndex: number, errorCode: number): TopicResult["partitions"][number] {
  return { partitionIndex, committedOffset: -1, metadata: "", errorCode };
}
