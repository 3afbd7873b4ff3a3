/** The requests of consumers outside of groups, as steps. */
import { fetch } from "../../../../src/protocol/apis/fetch.ts";
import { listOffsets } from "../../../../src/protocol/apis/list-offsets.ts";
import { offsetForLeaderEpoch } from "../../../../src/protocol/apis/offset-for-leader-epoch.ts";
import type { ResponseOf } from "../../../../src/protocol/schema.ts";
import type { RawTopic } from "../../../support/raw-session.ts";
import type { AskOptions, Side } from "../side.ts";

type Isolation = "read_uncommitted" | "read_committed";

export interface FetchOptions extends AskOptions {
  readonly version?: number;
  readonly isolation?: Isolation;
  readonly partition?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly session?: { readonly sessionId: number; readonly sessionEpoch: number };
  readonly forgotten?: readonly number[];
}

export async function read(
  side: Side,
  topic: RawTopic,
  offset: number,
  options: FetchOptions = {},
): Promise<ResponseOf<typeof fetch>> {
  const { version = 16, isolation = "read_uncommitted", maxBytes = 2 ** 20, partition = 0, note } = options;
  return side.ask(
    fetch,
    version,
    {
      maxWaitMs: options.maxWaitMs ?? 0,
      minBytes: options.minBytes ?? 0,
      maxBytes,
      isolationLevel: isolation === "read_committed" ? 1 : 0,
      ...options.session,
      topics: [
        {
          topic: topic.name,
          topicId: topic.id,
          partitions: [
            {
              partition,
              fetchOffset: offset,
              partitionMaxBytes: options.partitionMaxBytes ?? maxBytes,
              currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
              lastFetchedEpoch: options.lastFetchedEpoch ?? -1,
            },
          ],
        },
      ],
    },
    { ...options, note: `${note ? `${note}, ` : ""}${isolation} from ${offset}` },
  );
}

/** What both kinds of consumers see of a partition, all of it, and where it ends for them. */
export async function look(side: Side, topic: RawTopic, partition = 0): Promise<void> {
  for (const isolation of ["read_uncommitted", "read_committed"] as const) {
    await read(side, topic, 0, { isolation, partition });
    await ends(side, topic, -1, { isolation, partition });
  }
}

export async function ends(
  side: Side,
  topic: RawTopic,
  timestamp: number,
  options: AskOptions & {
    readonly version?: number;
    readonly isolation?: Isolation;
    readonly partition?: number;
    readonly currentLeaderEpoch?: number;
  } = {},
): Promise<void> {
  const { version = 7, isolation = "read_uncommitted", partition = 0, currentLeaderEpoch = -1, note } = options;
  await side.ask(
    listOffsets,
    version,
    {
      replicaId: -1,
      isolationLevel: isolation === "read_committed" ? 1 : 0,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, timestamp, currentLeaderEpoch }] }],
    },
    { ...options, note: `${note ? `${note}, ` : ""}${isolation}` },
  );
}

export async function epochEnd(
  side: Side,
  topic: RawTopic,
  leaderEpoch: number,
  options: AskOptions & {
    readonly version?: number;
    readonly currentLeaderEpoch?: number;
    readonly partition?: number;
  } = {},
): Promise<void> {
  const { version = 4, currentLeaderEpoch = -1, partition = 0 } = options;
  await side.ask(
    offsetForLeaderEpoch,
    version,
    {
      replicaId: -1,
      topics: [{ topic: topic.name, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    },
    options,
  );
}
