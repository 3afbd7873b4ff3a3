// A wall clock that is set while the broker runs: timeouts are of time that goes by.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawSession } from "../../test/support/raw-session.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { until } from "../../test/support/until.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { describeGroups } from "../protocol/apis/describe-groups.ts";
import { joinGroup } from "../protocol/apis/join-group.ts";
import { syncGroup } from "../protocol/apis/sync-group.ts";
import { Broker } from "./broker.ts";

const TIMEOUT_MS = 10_000;
const HOUR_MS = 3_600_000;

describe.each([
  ["back", -HOUR_MS],
  ["ahead", HOUR_MS],
])("a wall clock that is set %s by an hour", (_to, byMs) => {
  let clock: SteppedClock;
  let broker: Broker;
  let session: RawSession;

  beforeEach(async () => {
    clock = new SteppedClock();
    broker = await Broker.start({ platform: { ...nodePlatform, clock }, groupInitialRebalanceDelayMs: 0 });
    session = await RawSession.open(broker.address);
  });

  afterEach(async () => {
    session.close();
    const stopped = broker.stop();
    clock.advance(60_000);
    await stopped;
  });

  it("has a member's session end when its time is over", async () => {
    const groupId = "group";
    await session.findCoordinator("group", groupId);
    // Version 3 gets its member id at once.
    const join = {
      groupId,
      sessionTimeoutMs: TIMEOUT_MS,
      rebalanceTimeoutMs: TIMEOUT_MS,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
    };
    let joined = await session.client.send(joinGroup, 3, join);
    // While the coordinator loads.
    while (joined.errorCode !== 0) joined = await session.client.send(joinGroup, 3, join);
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: Buffer.alloc(0) }];
    await session.client.send(syncGroup, 3, { groupId, generationId, memberId, assignments });
    const state = async (): Promise<string | undefined> => {
      const { groups } = await session.client.send(describeGroups, 4, { groups: [groupId] });
      return groups[0]?.groupState;
    };
    expect(await state()).toBe("Stable");

    clock.set(byMs);
    clock.advance(TIMEOUT_MS - 1);
    expect(await state()).toBe("Stable");
    clock.advance(1);
    expect(await state()).toBe("Empty");
  });

  it("has a transaction aborted when its time is over, also one that goes on behind that", async () => {
    const topic = await session.createTopic("topic", 2);
    const producer = await session.newTransactional("id", TIMEOUT_MS);
    const begin = (partition: number): Promise<string[]> =>
      session.addPartitions("id", producer, [{ name: "topic", partitions: [partition] }]);
    await begin(0);
    await session.produce(topic, ["a"], { producer, transactionalId: "id" });
    clock.advance(TIMEOUT_MS / 2);

    clock.set(byMs);
    expect(await begin(1)).toEqual(["NONE"]);
    clock.advance(TIMEOUT_MS / 2 - 1);
    // Whatever is due was done before the answer to what comes behind it.
    expect(await begin(1)).toEqual(["NONE"]);
    clock.advance(1);
    await until(async () => (await session.endOffset(topic, "read_committed")) === 2);
  });
});
