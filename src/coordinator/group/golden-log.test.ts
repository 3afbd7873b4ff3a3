/** A log that Apache Kafka 4.3.1 wrote (test/interop/capture-group-log.ts): we read it, and would have written the same. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../platform/logger.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { encodeVersioned } from "../../protocol/codec.ts";
import { groupMetadataValue } from "../../protocol/internal/offset-records.ts";
import { batchesIn, type RecordBatch } from "../../protocol/records/batch.ts";
import { readMarker } from "../../protocol/records/control.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import type { CoordinatorRecord } from "../coordinator.ts";
import { GroupCoordinator } from "./group-coordinator.ts";
import type { DescribedGroup, OffsetFetchTopicResult } from "./messages.ts";
import { decodeRecord, groupRecord, groupTombstone, offsetRecord, offsetTombstone } from "./records.ts";
import { GROUP, joinRequest, TestTopics, World } from "./story.testing.ts";

const file = new URL("../../../test/golden/group-log.json", import.meta.url);
const { batches: golden } = JSON.parse(readFileSync(file, "utf8")) as { batches: string[] };
const batches = golden.flatMap((hex) => [...batchesIn(Buffer.from(hex, "hex"))]);

function recordsOf(batch: RecordBatch): (CoordinatorRecord & { readonly offset: number })[] {
  const { producerId, producerEpoch } = batch;
  const transaction = batch.isTransactional ? { transaction: { producerId, producerEpoch } } : {};
  return decodeRecords(batch).map(({ offset, key, value }) => ({
    offset,
    key: key ?? Buffer.alloc(0),
    value,
    ...transaction,
  }));
}

/** A coordinator that has read the log up to an offset. */
function replay(end = Infinity): GroupCoordinator {
  const coordinator = new GroupCoordinator({ random: seededRandom(1), logger: silentLogger, topics: new TestTopics() });
  for (const batch of batches) {
    if (batch.baseOffset >= end) break;
    const marker = batch.isControl ? readMarker(batch) : undefined;
    if (marker) coordinator.applyMarker(batch.producerId, marker.type);
    else for (const record of recordsOf(batch)) coordinator.apply(record, record.offset);
  }
  coordinator.loaded(0);
  return coordinator;
}

function fetchAll(coordinator: GroupCoordinator, requireStable: boolean): readonly OffsetFetchTopicResult[] {
  let topics: readonly OffsetFetchTopicResult[] = [];
  const request = { groupId: "golden", memberId: null, memberEpoch: -1, topics: null };
  const step = coordinator.fetchOffsets(request, requireStable, 0, (response) => {
    topics = response.topics;
  });
  for (const reply of step.replies) reply();
  return topics;
}

function describeGroup(coordinator: GroupCoordinator, groupId = "golden"): DescribedGroup | undefined {
  let described: DescribedGroup | undefined;
  const context = { apiVersion: 6, clientId: "", clientHost: "" };
  const step = coordinator.describeGroup(groupId, context, 0, (group) => {
    described = group;
  });
  for (const reply of step.replies) reply();
  return described;
}

describe("a log of Apache Kafka's", () => {
  it("has the group as it was while it was stable", () => {
    const members = ["A", "B"].map((name) => ({
      memberId: expect.stringMatching(`^${name}-[0-9a-f-]{36}$`),
      groupInstanceId: name,
      clientId: "capture",
      clientHost: "/127.0.0.1",
      memberAssignment: Uint8Array.from(Buffer.from(`for ${name}`)),
    }));
    expect(describeGroup(replay(10))).toMatchObject({
      groupState: "Stable",
      protocolType: "consumer",
      protocolData: "range",
      members,
    });
  });

  it("has the group as it was in the end: empty, with an open transaction", () => {
    const coordinator = replay();
    expect(describeGroup(coordinator)).toMatchObject({ groupState: "Empty", protocolType: "consumer", members: [] });
    const committed = fetchAll(coordinator, false)[0]?.partitions;
    expect(committed?.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset])).toEqual([
      [0, 10],
      [2, 7],
    ]);
    // Partition 0: UNSTABLE_OFFSET_COMMIT.
    const stable = fetchAll(coordinator, true)[0]?.partitions;
    expect(stable?.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])).toEqual([
      [0, 88],
      [2, 0],
    ]);
  });

  it("is what we would have written, byte for byte", () => {
    const records = batches.filter((batch) => !batch.isControl).flatMap(recordsOf);
    expect(records.length).toBeGreaterThan(8);
    for (const record of records) {
      const written = rewrite(record);
      expect(Buffer.from(written.key)).toEqual(Buffer.from(record.key));
      expect(written.value && Buffer.from(written.value)).toEqual(record.value && Buffer.from(record.value));
    }
  });
});

describe("a group in an old record", () => {
  const member = { memberId: "m", groupInstanceId: "A", clientId: "c", clientHost: "/h", sessionTimeout: 30_000 };
  const members = [{ ...member, subscription: Buffer.from("s"), assignment: Buffer.from("a") }];
  const value = { protocolType: "consumer", generation: 3, protocol: "range", leader: "m", members };

  function worldWith(version: number): World {
    const world = new World();
    const { key } = groupTombstone(GROUP);
    world.coordinator.apply({ key, value: encodeVersioned(groupMetadataValue, version, value) }, 0);
    return world;
  }

  it.each([0, 1, 2, 3, 4])("version %d", (version) => {
    const described = describeGroup(worldWith(version).coordinator, GROUP);
    expect(described).toMatchObject({ groupState: "Stable", protocolData: "range", members: [{ memberId: "m" }] });
  });

  it("that does not say since when it is stable: a static member takes its place all the same", () => {
    const world = worldWith(3);
    const request = joinRequest({ groupInstanceId: "A", protocols: [{ name: "range", metadata: Buffer.from("s") }] });
    const context = { apiVersion: 9, clientId: "c", clientHost: "/h" };
    const step = world.coordinator.joinGroup(request, context, world.now, () => {});
    const written = { generation: 3, currentStateTimestamp: world.now };
    expect(step.records.map(decodeRecord)).toMatchObject([{ value: written }]);
  });
});

function rewrite(record: CoordinatorRecord): CoordinatorRecord {
  const decoded = decodeRecord(record);
  if (decoded?.kind === "offset") {
    return decoded.value ? offsetRecord(decoded.key, decoded.value) : offsetTombstone(decoded.key);
  }
  if (decoded?.kind === "group") {
    return decoded.value ? groupRecord(decoded.groupId, decoded.value) : groupTombstone(decoded.groupId);
  }
  throw new Error("a kind of record that we do not know");
}
