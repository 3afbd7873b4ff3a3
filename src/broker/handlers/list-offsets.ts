/** ListOffsets: where a partition begins and ends, and which offset belongs to a time. What it answers never goes back. */

import type { LogRefusal, TimestampAndOffset } from "../../log/types.ts";
import { listOffsets } from "../../protocol/apis/list-offsets.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { leaderEpochProblem } from "../leader-epoch.ts";
import type { Partition } from "../partition.ts";
import type { Handler } from "../router.ts";
import { duplicatesOf } from "./duplicates.ts";

type Asked = RequestOf<typeof listOffsets>["topics"][number]["partitions"][number];
type Answer = ResponseBody<typeof listOffsets>["topics"][number]["partitions"][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;

/** The first version that knows each of them. */
const sinceVersion = new Map([
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);

const READ_COMMITTED = 1;

export function listOffsetsHandler({ partitions }: BrokerServices): Handler<typeof listOffsets> {
  return {
    api: listOffsets,
    handle(request, { apiVersion }, reply) {
      const isolation = request.isolationLevel === READ_COMMITTED ? "read_committed" : "read_uncommitted";
      const keyOf = (name: string, { partitionIndex }: Asked): string => `${name}/${partitionIndex}`;
      const duplicates = duplicatesOf(
        request.topics.flatMap(({ name, partitions: asked }) => asked.map((each) => keyOf(name, each))),
      );
      const find = (name: string, asked: Asked): Partition | ErrorName =>
        duplicates.has(keyOf(name, asked)) ? "INVALID_REQUEST" : partitions.find(name, asked.partitionIndex);
      reply({
        throttleTimeMs: 0,
        topics: request.topics.map(({ name, partitions: asked }) => ({
          name,
          partitions: asked.map((each) => answer(find(name, each), each, isolation, apiVersion)),
        })),
      });
    },
  };
}

function answer(
  partition: Partition | ErrorName,
  asked: Asked,
  isolation: "read_committed" | "read_uncommitted",
  apiVersion: number,
): Answer {
  const { partitionIndex, timestamp } = asked;
  const error = typeof partition === "string" ? partition : problemOf(partition, asked, apiVersion);
  if (error || typeof partition === "string") return { partitionIndex, errorCode: errorCodes[error ?? "NONE"] };
  const outcome = find(partition, timestamp, isolation);
  if (!outcome.ok) return { partitionIndex, errorCode: errorCodes[outcome.error] };
  return { partitionIndex, errorCode: errorCodes.NONE, ...outcome.found };
}

function problemOf({ log }: Partition, asked: Asked, apiVersion: number): ErrorName | undefined {
  const { timestamp } = asked;
  const isUnknown = timestamp < EARLIEST_PENDING_UPLOAD || apiVersion < (sinceVersion.get(timestamp) ?? 0);
  return isUnknown ? "UNSUPPORTED_VERSION" : leaderEpochProblem(asked.currentLeaderEpoch, log.leaderEpoch);
}

/** What is found; nothing leaves the answer at -1. */
function find(
  { log }: Partition,
  timestamp: number,
  isolation: "read_committed" | "read_uncommitted",
): { readonly ok: true; readonly found: Partial<TimestampAndOffset> | undefined } | LogRefusal {
  const { leaderEpoch, logStartEpoch = -1 } = log;
  switch (timestamp) {
    case LATEST:
      return found({ offset: isolation === "read_committed" ? log.lastStableOffset : log.highWatermark, leaderEpoch });
    case EARLIEST:
    case EARLIEST_LOCAL:
      return found({ offset: log.logStartOffset, leaderEpoch: logStartEpoch });
    case MAX_TIMESTAMP:
      return log.offsetOfMaxTimestamp(isolation);
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return found(undefined);
    default:
      return log.offsetForTimestamp(timestamp, isolation);
  }
}

function found(place: Partial<TimestampAndOffset> | undefined): {
  readonly ok: true;
  readonly found: Partial<TimestampAndOffset> | undefined;
} {
  return { ok: true, found: place };
}
