import { beforeEach, describe, expect, it } from "vitest";
import type { metadata } from "../../protocol/apis/metadata.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ResponseOf } from "../../protocol/schema.ts";
import { MetadataCache } from "./metadata-cache.ts";

type Response = ResponseOf<typeof metadata>;
type Topic = Response["topics"][number];

const oneId = "00000000-0000-0000-0000-000000000001";
const twoId = "00000000-0000-0000-0000-000000000002";

let cache: MetadataCache;
beforeEach(() => {
  cache = new MetadataCache();
});

/** `leaders`: of each partition, [broker, leader epoch]. */
function topic(
  name: string,
  topicId: string,
  leaders: readonly (readonly [number, number])[],
  error: ErrorName = "NONE",
): Topic {
  return {
    name,
    topicId,
    errorCode: errorCodes[error],
    isInternal: false,
    topicAuthorizedOperations: 0,
    partitions: leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId,
      leaderEpoch,
      replicaNodes: [leaderId],
      isrNodes: [leaderId],
      offlineReplicas: [],
    })),
  };
}

function update(...topics: Topic[]): void {
  const brokers = [1, 2].map((nodeId) => ({ nodeId, host: `host${nodeId}`, port: 9092, rack: null }));
  const rest = { throttleTimeMs: 0, clusterId: "c", controllerId: 1, clusterAuthorizedOperations: 0, errorCode: 0 };
  cache.update({ ...rest, brokers, topics });
}

describe("what is known of the cluster", () => {
  it("are its brokers, topics and leaders", () => {
    update(topic("one", oneId, [[1, 5], [2, 6]])); // biome-ignore format: a table
    expect(cache).toMatchObject({ clusterId: "c", controllerId: 1, topicNames: ["one"] });
    expect(cache.brokers).toHaveLength(2);
    expect(cache.broker(2)).toEqual({ nodeId: 2, host: "host2", port: 9092 });
    expect(cache.leaderOf("one", 1)).toBe(2);
    expect(cache.leaderOf("one", 2)).toBeUndefined();
    expect(cache.leaderOf("two", 0)).toBeUndefined();
    expect(cache.nameOf(oneId)).toBe("one");
  });

  it("stays for topics that an answer does not speak of", () => {
    update(topic("one", oneId, [[1, 5]]));
    update(topic("two", twoId, [[1, 5]]));
    expect(cache.topicNames).toEqual(["one", "two"]);
  });

  it("keeps the newer leader when a broker lags behind", () => {
    update(topic("one", oneId, [[2, 6]]));
    update(topic("one", oneId, [[1, 5]]));
    expect(cache.leaderOf("one", 0)).toBe(2);
    update(topic("one", oneId, [[1, 7]]));
    expect(cache.leaderOf("one", 0)).toBe(1);
  });

  it("starts anew for a topic that was deleted and made again", () => {
    update(topic("one", oneId, [[2, 6], [2, 6]])); // biome-ignore format: a table
    update(topic("one", twoId, [[1, 0]]));
    expect(cache.leaderOf("one", 0)).toBe(1);
    expect(cache.topic("one")?.partitions).toHaveLength(1);
    expect(cache.nameOf(oneId)).toBeUndefined();
    expect(cache.nameOf(twoId)).toBe("one");
  });

  it("ends for a topic that does not exist any more, and says why", () => {
    update(topic("one", oneId, [[1, 5]]));
    update(topic("one", ZERO_UUID, [], "UNKNOWN_TOPIC_OR_PARTITION"));
    expect(cache.topic("one")).toBeUndefined();
    expect(cache.errorOf("one")).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    update(topic("one", oneId, [[1, 5]]));
    expect(cache.errorOf("one")).toBeUndefined();
  });

  it("has partitions without a leader", () => {
    update(topic("one", oneId, [[-1, 5]]));
    expect(cache.leaderOf("one", 0)).toBeUndefined();
    expect(cache.partition("one", 0)).toMatchObject({ leader: -1 });
  });

  it("learns of new leaders from errors, unless it is old news or nobody it knows", () => {
    update(topic("one", oneId, [[1, 5]]));
    cache.updateLeader("one", 0, 2, 5);
    cache.updateLeader("one", 0, 9, 7);
    cache.updateLeader("one", 3, 2, 7);
    cache.updateLeader("two", 0, 2, 7);
    expect(cache.leaderOf("one", 0)).toBe(1);
    cache.updateLeader("one", 0, 2, 6);
    expect(cache.leaderOf("one", 0)).toBe(2);
    cache.learnBroker({ nodeId: 9, host: "host9", port: 1 });
    cache.learnBroker({ nodeId: -1, host: "", port: -1 });
    cache.updateLeader("one", 0, 9, 7);
    expect(cache.leaderOf("one", 0)).toBe(9);
    expect(cache.brokers).toHaveLength(3);
  });
});
