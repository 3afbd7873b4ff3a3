/** What one Fetch asks for, and how what was read becomes its response: with a session both are only what changed. */
import type { fetch } from "../../protocol/apis/fetch.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";

export type FetchRequest = RequestOf<typeof fetch>;
export type FetchResponse = ResponseBody<typeof fetch>;
export type PartitionResponse = FetchResponse["responses"][number]["partitions"][number];

/** One partition to read from. */
export interface FetchTarget {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly partitionMaxBytes: number;
  /** What a session's client knows. */
  readonly told?: PartitionState;
}

export interface PartitionState {
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

/** What was read of a partition; undefined stands for nothing that the client has not been told. */
export type PartitionRead = PartitionResponse | undefined;

export interface FetchContext {
  readonly targets: readonly FetchTarget[];
  /** The response, given what was read of each target, in their order. Called once. */
  respond(read: readonly PartitionRead[]): FetchResponse;
  /** In its place: nothing, and a time to wait. */
  throttle(throttleTimeMs: number): FetchResponse;
}

export const NO_SESSION = 0;

/** A fetch without a session: all that is asked is answered. */
export class SessionlessContext implements FetchContext {
  readonly targets: readonly FetchTarget[];

  constructor(targets: readonly FetchTarget[]) {
    this.targets = targets;
  }

  respond(read: readonly PartitionRead[]): FetchResponse {
    return fetchResponse(NO_SESSION, this.targets, read);
  }

  throttle(throttleTimeMs: number): FetchResponse {
    return { ...fetchResponse(NO_SESSION, [], []), throttleTimeMs };
  }
}

export function targetsOf({ topics }: FetchRequest): FetchTarget[] {
  return topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map(({ partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes }) => ({
      topic,
      topicId,
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      partitionMaxBytes,
    })),
  );
}

/** Neighbours of one topic share its entry. */
export function fetchResponse(
  sessionId: number,
  targets: readonly FetchTarget[],
  read: readonly PartitionRead[],
): FetchResponse {
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = [];
  let last: (typeof responses)[number] | undefined;
  for (let i = 0; i < read.length; i++) {
    const target = targets[i];
    const response = read[i];
    if (!target || !response) continue;
    if (last?.topic !== target.topic || last.topicId !== target.topicId) {
      last = { topic: target.topic, topicId: target.topicId, partitions: [] };
      responses.push(last);
    }
    last.partitions.push(response);
  }
  return { throttleTimeMs: 0, errorCode: errorCodes.NONE, sessionId, responses };
}
