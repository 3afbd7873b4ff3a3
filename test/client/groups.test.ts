import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Assignor,
  type Client,
  type Consumer,
  type ConsumerGroupMetadata,
  type ConsumerOptions,
  type ConsumerRecord,
  cooperativeStickyAssignor,
  OncillaError,
  type RebalanceListener,
  rangeAssignor,
  roundRobinAssignor,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPattern,
} from "../../src/client/index.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/apis/consumer-group-heartbeat.ts";
import { incrementalAlterConfigs } from "../../src/protocol/apis/incremental-alter-configs.ts";
import { leaveGroup } from "../../src/protocol/apis/leave-group.ts";
import { metadata } from "../../src/protocol/apis/metadata.ts";
import { syncGroup } from "../../src/protocol/apis/sync-group.ts";
import { errorCodes } from "../../src/protocol/errors.ts";
import { createTopic, startCluster, type TestCluster, text, until } from "../support/cluster.ts";
import { FaultyNetwork } from "../support/faulty-network.ts";
import { RawClient } from "../support/raw-client.ts";

type Protocol = "classic" | "consumer";

const GROUP_RESOURCE = 32;

let cluster: TestCluster;
let client: Client;
let topic: string;
let groupId: string;
let protocol: Protocol = "classic";
const members: Member[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client;
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  topic = cluster.unique("group");
  groupId = cluster.unique("members");
  await createTopic(client, topic, 6);
});
afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

/** Commits for as long as it is let to, and polls so seldom that a rebalance begins and ends in between. */
async function commitBetweenPolls(consumer: Consumer, offsets: readonly TopicPartitionOffset[]): Promise<never> {
  for (;;) {
    await consumer.poll({ timeoutMs: 0 });
    const pollAgainAt = performance.now() + 1_000;
    while (performance.now() < pollAgainAt) await consumer.commit(offsets);
  }
}

/** With "consumer" the broker decides about heartbeats and sessions. */
function settingsOf(of: Protocol): ConsumerOptions {
  if (of === "consumer") return { groupProtocol: of };
  return { heartbeatIntervalMs: 100, sessionTimeoutMs: 6_000 };
}

/** A consumer that polls all the time, and what it was told. */
class Member {
  readonly consumer: Consumer;
  readonly events: string[] = [];
  readonly values: string[] = [];
  readonly errors: unknown[] = [];
  isHolding = false;
  #isStopped = false;
  readonly #polling: Promise<void>;

  constructor(
    options: ConsumerOptions = {},
    topics: readonly string[] | TopicPattern = [topic],
    listener: RebalanceListener = {},
  ) {
    this.consumer = client.consumer({ groupId, ...settingsOf(options.groupProtocol ?? protocol), ...options });
    const note = (what: string) => (partitions: readonly TopicPartition[]) => {
      if (partitions.length > 0) this.events.push(`${what} ${numbers(partitions)}`);
    };
    this.consumer.subscribe(topics, {
      onAssigned: note("+"),
      onRevoked: note("-"),
      onLost: note("lost"),
      ...listener,
    });
    members.push(this);
    this.#polling = this.#poll();
  }

  get share(): string {
    return numbers(this.consumer.assignment());
  }

  /** Ends as `close` does, or without a word, as when the process dies. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.consumer.wakeup();
    await this.#polling;
    await this.consumer.close();
  }

  async #poll(): Promise<void> {
    while (!this.#isStopped) {
      try {
        for (const record of await this.consumer.poll({ timeoutMs: 100 })) this.values.push(text(record.value));
      } catch (error) {
        this.errors.push(error);
        if (error instanceof OncillaError && error.fatal) return;
      }
      // A caller that is busy with what it polled.
      if (this.isHolding) await until(() => !this.isHolding || this.#isStopped);
    }
  }
}

function numbers(partitions: readonly TopicPartition[]): string {
  return partitions
    .map(({ partition }) => partition)
    .sort()
    .join("");
}

function shares(...all: Member[]): string {
  return all
    .map(({ share }) => share)
    .sort()
    .join("|");
}

async function produce(count: number): Promise<void> {
  const producer = client.producer();
  await producer.sendAll(Array.from({ length: count }, (_, i) => ({ topic, partition: i % 6, value: `${i}` })));
  await producer.close();
}

describe.each<Protocol>(["classic", "consumer"])("a group of the %s protocol", (of) => {
  beforeEach(() => {
    protocol = of;
  });

  it("the second member gets half, and the first keeps the other half all the time", async () => {
    const first = new Member();
    await until(() => first.share === "012345");
    const second = new Member();
    await until(() => second.share.length === 3 && first.share.length === 3);
    expect(shares(first, second).replace("|", "").split("").sort().join("")).toBe("012345");
    expect(first.events).toEqual(["+ 012345", `- ${second.share}`]);
    expect(second.events).toEqual([`+ ${second.share}`]);
    const kept = first.share;
    await second.stop();
    await until(() => first.share === "012345");
    expect(first.events.at(-1)).toBe(`+ ${numbers(without("012345", kept))}`);
  });

  it("reads each record once across rebalances, when members commit what they give up", async () => {
    await produce(300);
    const values: string[] = [];
    const reader = (): Member => {
      const member: Member = new Member({ maxPollRecords: 7 }, [topic], {
        onRevoked: () => member.consumer.commit(),
      });
      return member;
    };
    const first = reader();
    await until(() => first.values.length > 50);
    const second = reader();
    await until(() => second.share.length === 3);
    await produce(300);
    await until(() => first.values.length + second.values.length >= 600);
    await first.stop();
    await until(() => second.share === "012345");
    values.push(...first.values, ...second.values);
    const expected = [...Array(300).keys(), ...Array(300).keys()].map(String).sort();
    expect(values.sort()).toEqual(expected);
  });

  it("static: a member that restarts gets the same partitions, and nobody else notices", async () => {
    const stays = new Member({ groupInstanceId: "stays" });
    const restarts = new Member({ groupInstanceId: "restarts" });
    await until(() => stays.share.length === 3 && restarts.share.length === 3);
    const { share } = restarts;
    const { generationId } = stays.consumer.groupMetadata();
    const events = [...stays.events];
    await restarts.stop();
    const again = new Member({ groupInstanceId: "restarts" });
    await until(() => again.share === share);
    expect(stays.consumer.groupMetadata().generationId).toBe(generationId);
    expect(stays.events).toEqual(events);
  });

  it("refuses the commits of a member that stalled while its partitions moved", async () => {
    const stalls = new Member({ maxPollIntervalMs: 500, rebalanceTimeoutMs: 10_000 });
    await until(() => stalls.share === "012345");
    const before = stalls.consumer.groupMetadata();
    stalls.isHolding = true;
    const takesOver = new Member();
    await until(() => takesOver.share === "012345");
    await expect(stalls.consumer.commit([{ topic, partition: 0, offset: 1 }])).rejects.toMatchObject({
      name: "CommitFailedError",
      code: "COMMIT_FAILED",
    });
    expect(stalls.consumer.groupMetadata()).toEqual(before);
    const producer = client.producer({ transactionalId: cluster.unique("stalled") });
    await producer.initTransactions();
    producer.beginTransaction();
    const offsets = [{ topic, partition: 0, offset: 1 }];
    const sent = producer.sendOffsetsToTransaction(offsets, stalls.consumer.groupMetadata());
    await expect(sent).rejects.toMatchObject({ code: "COMMIT_FAILED", abortable: true });
    await producer.abortTransaction();
    expect(await takesOver.consumer.committed([{ topic, partition: 0 }])).toEqual([]);
    stalls.isHolding = false;
    await until(() => stalls.share.length === 3 && takesOver.share.length === 3);
    expect(stalls.events.slice(0, 2)).toEqual(["+ 012345", "lost 012345"]);
    await stalls.consumer.commit();
  });

  it("refuses what a static member read before it stalled, also once it is back with the same partitions", async () => {
    const member = new Member({ maxPollIntervalMs: 500, groupInstanceId: "stalls" });
    await until(() => member.share === "012345");
    const before = member.consumer.groupMetadata();
    member.isHolding = true;
    await until(() =>
      member.consumer.commit([{ topic, partition: 5, offset: 0 }]).then(
        () => false,
        () => true,
      ),
    );
    member.isHolding = false;
    await until(() => member.share === "012345" && member.events.length === 3);
    expect(member.events).toEqual(["+ 012345", "lost 012345", "+ 012345"]);
    const producer = client.producer({ transactionalId: cluster.unique("back") });
    await producer.initTransactions();
    producer.beginTransaction();
    const sent = producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], before);
    await expect(sent).rejects.toMatchObject({ code: "COMMIT_FAILED" });
    await producer.abortTransaction();
  });

  it("does not take the offsets of a member that left for an outsider's", async () => {
    const leaver = new Member();
    await until(() => leaver.share === "012345");
    const stays = new Member();
    await until(() => stays.share.length === 3);
    await leaver.stop();
    await until(() => stays.share === "012345");
    const producer = client.producer({ transactionalId: cluster.unique("left") });
    await producer.initTransactions();
    producer.beginTransaction();
    const sent = producer.sendOffsetsToTransaction(
      [{ topic, partition: 0, offset: 1 }],
      leaver.consumer.groupMetadata(),
    );
    await expect(sent).rejects.toMatchObject({ code: "COMMIT_FAILED" });
    await producer.abortTransaction();
  });

  it("nor for those of one that joins anew", async () => {
    const consumer = client.consumer({ groupId, ...settingsOf(protocol) });
    const producer = client.producer({ transactionalId: cluster.unique("anew") });
    await producer.initTransactions();
    consumer.subscribe([topic]);
    await until(async () => (await consumer.poll({ timeoutMs: 20 })) && consumer.assignment().length === 6);
    const left = consumer.groupMetadata();
    // The second time it has not become a member.
    for (let time = 1; time <= 2; time++) {
      await consumer.unsubscribe();
      consumer.subscribe([topic]);
      expect(consumer.groupMetadata()).toEqual(left);
      producer.beginTransaction();
      const sent = producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], consumer.groupMetadata());
      await expect(sent).rejects.toMatchObject({ code: "COMMIT_FAILED", abortable: true });
      await producer.abortTransaction();
    }
    await until(async () => (await consumer.poll({ timeoutMs: 20 })) && consumer.assignment().length === 6);
    expect(consumer.groupMetadata().memberId).not.toBe(left.memberId);
    producer.beginTransaction();
    await producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 2 }], consumer.groupMetadata());
    await producer.commitTransaction();
    await consumer.close();
  });

  it("follows a topic that gets more partitions, and one that appears later", async () => {
    const later = cluster.unique("later");
    const fast = cluster.connect({ metadataMaxAgeMs: 200 });
    const consumer = fast.consumer({ groupId, ...settingsOf(protocol) });
    consumer.subscribe([topic, later]);
    const assigned = async (count: number): Promise<void> =>
      until(async () => {
        await consumer.poll({ timeoutMs: 50 });
        return consumer.assignment().length === count;
      });
    await assigned(6);
    await client.admin().createPartitions(topic, 8);
    await assigned(8);
    await createTopic(client, later, 2);
    await assigned(10);
    await fast.close();
  });

  it("subscribes to other topics, and to none", async () => {
    const other = cluster.unique("other");
    await createTopic(client, other, 2);
    const member = new Member();
    await until(() => member.share === "012345");
    member.consumer.subscribe([topic, other]);
    await until(() => member.consumer.assignment().length === 8);
    member.consumer.subscribe([other]);
    await until(() => member.consumer.assignment().length === 2);
    expect(member.consumer.subscription()).toEqual([other]);
    await member.stop();
    const [description] = await client.admin().describeGroups([groupId]);
    expect(description).toMatchObject({ type: protocol, state: "Empty", members: [] });
  });

  it("gives what a listener throws to the caller of poll, and goes on", async () => {
    let failures = 0;
    const member = new Member({}, [topic], {
      onAssigned: () => {
        if (failures++ === 0) throw new Error("a listener's");
      },
    });
    await until(() => member.share === "012345" && member.errors.length === 1);
    expect(member.errors).toMatchObject([{ message: "a listener's" }]);
    await produce(6);
    await until(() => member.values.length === 6);
  });

  it("stores, when it is closed, all that was to be committed, awaited or not", async () => {
    const consumer = client.consumer({ groupId, groupProtocol: protocol });
    const commits: Promise<void>[] = [];
    consumer.subscribe([topic], {
      onRevoked: () => void commits.push(consumer.commit([{ topic, partition: 0, offset: 4 }])),
    });
    await until(async () => {
      await consumer.poll({ timeoutMs: 100 });
      return consumer.assignment().length === 6;
    });
    for (const offset of [1, 2, 3]) commits.push(consumer.commit([{ topic, partition: 0, offset }]));
    expect(await consumer.committed([{ topic, partition: 0 }])).toMatchObject([{ offset: 3 }]);
    for (const offset of [1, 2, 3]) commits.push(consumer.commit([{ topic, partition: 0, offset }]));
    await consumer.close();
    await Promise.all(commits);
    expect(commits.length).toBe(7);
    expect(await client.admin().listConsumerGroupOffsets(groupId)).toMatchObject([{ offset: 4 }]);
  });

  it("waits, when it is closed, for the listener that is at work", async () => {
    const steps: string[] = [];
    let finish = (): void => {};
    const consumer = client.consumer({ groupId, groupProtocol: protocol });
    consumer.subscribe([topic], {
      onAssigned: async () => {
        steps.push("assigning");
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        steps.push("assigned");
      },
      onRevoked: () => void steps.push("revoked"),
    });
    const polled = consumer.poll({ timeoutMs: 20_000 });
    await until(() => steps.length === 1);
    const closed = consumer.close();
    finish();
    await closed;
    await polled;
    expect(steps).toEqual(["assigning", "assigned", "revoked"]);
  });

  it("does not commit, when it is closed, what a poll under way has not returned", async () => {
    await produce(24);
    const other = cluster.unique("other");
    await createTopic(client, other, 1);
    let finish = (): void => {};
    let isAssigning = false;
    const consumer = client.consumer({ groupId, ...settingsOf(protocol), autoCommit: true, maxPollRecords: 1 });
    const listener: RebalanceListener = {};
    const assigning = new Promise<void>((begun) => {
      listener.onAssigned = async (partitions) => {
        if (!partitions.some((each) => each.topic === other)) return;
        isAssigning = true;
        begun();
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      };
    });
    consumer.subscribe([topic], listener);
    let returned: readonly ConsumerRecord[] = [];
    while (returned.length === 0) returned = await consumer.poll();
    // More of that partition was fetched, and is returned as soon as it may.
    consumer.pause(consumer.assignment());
    consumer.subscribe([topic, other], listener);
    let polled = consumer.poll();
    while (!isAssigning) {
      await Promise.race([polled, assigning]);
      if (!isAssigning) polled = consumer.poll();
    }
    consumer.resume(consumer.paused());
    const closed = consumer.close();
    finish();
    await closed;
    await polled;
    const stored = await client.admin().listConsumerGroupOffsets(groupId);
    expect(stored.reduce((sum, { offset }) => sum + offset, 0)).toBe(1);
  });
});

describe("a group of the classic protocol", () => {
  beforeEach(() => {
    protocol = "classic";
  });

  it.each([
    ["range", rangeAssignor, "012|345"],
    ["round robin", roundRobinAssignor, "024|135"],
  ] as const)("eager, %s: everyone gives up everything first", async (_, assignor, expected) => {
    const first = new Member({ assignors: [assignor] });
    await until(() => first.share === "012345");
    const second = new Member({ assignors: [assignor] });
    await until(() => shares(first, second) === expected);
    expect(first.events).toEqual(["+ 012345", "- 012345", `+ ${first.share}`]);
  });

  it("tells what a session timeout has to be that the broker does not take", async () => {
    const consumer = cluster.client.consumer({ groupId: cluster.unique("short"), sessionTimeoutMs: 10 });
    consumer.subscribe([topic]);
    const message = expect.stringMatching(
      /INVALID_SESSION_TIMEOUT: sessionTimeoutMs is 10.* group\.min\.session\.timeout\.ms/,
    );
    await expect(consumer.poll()).rejects.toMatchObject({ code: "INVALID_SESSION_TIMEOUT", message });
    await consumer.close();
  });

  it("gives what an assignor throws to the caller of poll, and goes on", async () => {
    let failures = 0;
    const moody: Assignor = {
      ...rangeAssignor,
      assign(cluster, members) {
        if (failures++ === 0) throw new Error("not in the mood");
        return rangeAssignor.assign(cluster, members);
      },
    };
    const member = new Member({ assignors: [moody] });
    await until(() => member.share === "012345");
    expect(member.errors).toEqual([new Error("not in the mood")]);
  });

  it("moves from an eager assignor to the cooperative one, member by member", async () => {
    const both = [cooperativeStickyAssignor, rangeAssignor];
    const first = new Member({ assignors: [rangeAssignor] });
    const second = new Member({ assignors: [rangeAssignor] });
    await until(() => shares(first, second) === "012|345");
    await first.stop();
    const third = new Member({ assignors: both });
    await until(() => shares(second, third) === "012|345");
    await second.stop();
    const fourth = new Member({ assignors: both });
    await until(() => third.share.length === 3 && fourth.share.length === 3);
    expect(second.errors).toEqual([]);
    expect(fourth.errors).toEqual([]);
  });

  it("a generation counts from the poll on that gives up what is not in it", async () => {
    const options = { groupId, ...settingsOf("classic"), assignors: [cooperativeStickyAssignor] };
    const [first, second] = [client.consumer(options), client.consumer(options)];
    try {
      first.subscribe([topic]);
      await until(async () => (await first.poll({ timeoutMs: 20 })) && first.assignment().length === 6);
      second.subscribe([topic]);
      while (second.assignment().length === 0) {
        await first.poll({ timeoutMs: 0 });
        const handedOutIn = first.groupMetadata();
        await second.poll({ timeoutMs: 50 });
        expect(first.groupMetadata()).toEqual(handedOutIn);
      }
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });

  it("a commit that the next generation overtakes is told to poll, as its partitions are still held", async () => {
    const options = { groupId, ...settingsOf("classic"), assignors: [cooperativeStickyAssignor] };
    const [first, second] = [client.consumer(options), client.consumer(options)];
    try {
      first.subscribe([topic]);
      await until(async () => (await first.poll({ timeoutMs: 20 })) && first.assignment().length === 6);
      const offsets = [{ topic, partition: 0, offset: 1 }];
      second.subscribe([topic]);
      await second.poll({ timeoutMs: 20 });
      await expect(commitBetweenPolls(first, offsets)).rejects.toMatchObject({ code: "REBALANCE_IN_PROGRESS" });
      expect(first.assignment().length).toBe(6);
      await until(async () => (await first.poll({ timeoutMs: 20 })) && first.assignment().length === 3);
      await first.commit(first.assignment().map((each) => ({ ...each, offset: 1 })));
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });

  it("does not take over what a SyncGroup says that is answered once the member gave itself up", async () => {
    const network = new FaultyNetwork();
    await using slow = cluster.connect({ platform: network.platform });
    const { sessionTimeoutMs } = cluster;
    const settings = { sessionTimeoutMs, heartbeatIntervalMs: 400, maxPollIntervalMs: 300, rebalanceTimeoutMs: 10_000 };
    const consumer = slow.consumer({ groupId, ...settings });
    network.at(syncGroup, 1, "hold");
    network.at(leaveGroup, 1, "lose request");
    consumer.subscribe([topic]);
    await consumer.poll({ timeoutMs: 0 });
    await until(() => network.sent.get(leaveGroup.key) === 1);
    network.release();
    while (consumer.assignment().length < 6) await consumer.poll({ timeoutMs: 20 });
    expect(consumer.groupMetadata().generationId).toBeGreaterThan(0);
  });

  it("static: a member that gave itself up learns from a late SyncGroup that a newer one has its instance id", async () => {
    const network = new FaultyNetwork();
    let hasGivenUp = false;
    const log = (_level: string, message: string): void => {
      if (message.startsWith("leaving the group")) hasGivenUp = true;
    };
    await using slow = cluster.connect({ platform: network.platform, logger: { log } });
    // Its first heartbeat comes once it should have polled.
    const settings = { heartbeatIntervalMs: 400, maxPollIntervalMs: 300, rebalanceTimeoutMs: 10_000 };
    const older = slow.consumer({ groupId, groupInstanceId: "one", sessionTimeoutMs: 6_000, ...settings });
    network.at(syncGroup, 1, "hold");
    older.subscribe([topic]);
    await older.poll({ timeoutMs: 0 });
    await until(() => hasGivenUp);
    const newer = new Member({ groupInstanceId: "one" });
    await until(() => newer.share === "012345");
    network.release();
    const pollOn = async (): Promise<void> => {
      for (let round = 0; round < 100; round++) await older.poll({ timeoutMs: 20 });
    };
    await expect(pollOn()).rejects.toMatchObject({ code: "FENCED_INSTANCE_ID", fatal: true });
    expect(newer.errors).toEqual([]);
  });

  it("static: the newer of two with one instance id fences the older", async () => {
    const older = new Member({ groupInstanceId: "one" });
    await until(() => older.share === "012345");
    const newer = new Member({ groupInstanceId: "one" });
    await until(() => newer.share === "012345" && older.errors.length > 0);
    expect(older.errors[0]).toMatchObject({ name: "FencedError", code: "FENCED_INSTANCE_ID", fatal: true });
    await expect(older.consumer.commit([{ topic, partition: 0, offset: 1 }])).rejects.toMatchObject({ fatal: true });
  });
});

describe("a group of the consumer protocol", () => {
  beforeEach(() => {
    protocol = "consumer";
  });

  it("uses the assignor that its members ask for", async () => {
    const first = new Member({ remoteAssignor: "range" });
    const second = new Member({ remoteAssignor: "range" });
    await until(() => shares(first, second) === "012|345");
    const odd = new Member({ remoteAssignor: "nothing" });
    await until(() => odd.errors.length > 0);
    expect(odd.errors[0]).toMatchObject({ code: "UNSUPPORTED_ASSIGNOR" });
  });

  it("static: a member waits for the end of another life under its instance id", async () => {
    const older = new Member({ groupInstanceId: "one" });
    await until(() => older.share === "012345");
    const newer = new Member({ groupInstanceId: "one" });
    await older.stop();
    await until(() => newer.share === "012345");
    expect([...older.errors, ...newer.errors]).toEqual([]);
    expect(older.consumer.groupMetadata().memberId).not.toBe(newer.consumer.groupMetadata().memberId);
  });

  it("takes offsets of an earlier epoch in a transaction for what the member still has, and not for what it had", async () => {
    const first = new Member();
    await until(() => first.share === "012345");
    const before = first.consumer.groupMetadata();
    const second = new Member();
    await until(() => first.share.length === 3 && second.share.length === 3);
    const producer = client.producer({ transactionalId: cluster.unique("epochs") });
    await producer.initTransactions();
    const [kept, gone] = [Number(first.share.charAt(0)), Number(second.share.charAt(0))];
    const send = async (partition: number, group: ConsumerGroupMetadata): Promise<void> => {
      producer.beginTransaction();
      await producer.sendOffsetsToTransaction([{ topic, partition, offset: 3 }], group);
      await producer.commitTransaction();
    };
    await until(() => first.consumer.groupMetadata().generationId > before.generationId);
    await expect(send(gone, before)).rejects.toMatchObject({ code: "COMMIT_FAILED", abortable: true });
    await producer.abortTransaction();
    await send(kept, before);
    const committed = await second.consumer.committed([kept, gone].map((partition) => ({ topic, partition })));
    expect(committed).toMatchObject([{ partition: kept, offset: 3 }]);
  });

  it("has members of the classic protocol in it, comes from it and goes back to it", async () => {
    const old = new Member({ groupProtocol: "classic" });
    await until(() => old.share === "012345");
    const typeOf = async (): Promise<string | undefined> => {
      const groups = await client.admin().listGroups();
      return groups.find((group) => group.groupId === groupId)?.type;
    };
    expect(await typeOf()).toBe("classic");
    const fresh = new Member();
    await until(() => old.share.length === 3 && fresh.share.length === 3);
    expect(await typeOf()).toBe("consumer");
    const [description] = await client.admin().describeGroups([groupId]);
    const described = description?.members.map(({ partitions }) => numbers(partitions)).sort();
    expect(described).toEqual([old.share, fresh.share].sort());
    expect(shares(old, fresh).replace("|", "").split("").sort().join("")).toBe("012345");
    // What the old one keeps, it keeps all the time.
    expect(old.events).toEqual(["+ 012345", `- ${fresh.share}`]);
    await old.consumer.commit([{ topic, partition: Number(old.share.charAt(0)), offset: 1 }]);
    await fresh.stop();
    await until(() => old.share === "012345");
    expect(await typeOf()).toBe("classic");
    expect([...old.errors, ...fresh.errors]).toEqual([]);
  });

  it("reads each record once while members of both protocols come and go", async () => {
    const all: Member[] = [];
    const reader = (groupProtocol: Protocol): Member => {
      const member: Member = new Member({ groupProtocol, maxPollRecords: 7 }, [topic], {
        onRevoked: () => member.consumer.commit(),
      });
      all.push(member);
      return member;
    };
    const read = (): string[] => all.flatMap(({ values }) => values);
    await produce(300);
    const first = reader("classic");
    await until(() => first.values.length > 50);
    const second = reader("consumer");
    await until(() => second.share.length === 3);
    await produce(300);
    const third = reader("classic");
    await until(() => third.share.length === 2);
    await second.stop();
    await until(() => first.share.length + third.share.length === 6);
    await produce(300);
    const fourth = reader("consumer");
    await until(() => fourth.share.length === 2);
    await first.stop();
    await third.stop();
    await until(() => fourth.share === "012345" && read().length >= 900);
    const numbered = [...Array(300).keys()].flatMap((i) => [i, i, i]).map(String);
    expect(read().sort()).toEqual(numbered.sort());
    expect(all.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it("reads the topics that match a pattern, those too that are made later, and then others by name", async () => {
    const names = (member: Member): string =>
      [...new Set(member.consumer.assignment().map((each) => each.topic.slice(topic.length)))].sort().join();
    // The consumer's own client has not heard of them.
    await using maker = cluster.connect();
    await createTopic(maker, `${topic}-a`, 2);
    const member = new Member({}, { pattern: `${topic}-[ab]` });
    await until(() => names(member) === "-a");
    await createTopic(maker, `${topic}-b`, 2);
    await createTopic(maker, `${topic}-c`, 2);
    await until(() => names(member) === "-a,-b");
    member.consumer.subscribe([topic]);
    await until(() => member.share === "012345" && names(member) === "");
    member.consumer.subscribe({ pattern: `${topic}-(` });
    await until(() => member.errors.length > 0);
    expect(member.errors[0]).toMatchObject({ code: "INVALID_REGULAR_EXPRESSION" });
    const classic = client.consumer({ groupId, groupProtocol: "classic" });
    expect(() => classic.subscribe({ pattern: ".*" })).toThrow("groupProtocol");
  });

  it("keeps its partitions when an answer does not know their topic for once", async () => {
    const network = new FaultyNetwork();
    await using lagging = cluster.connect({ platform: network.platform, metadataMaxAgeMs: 20 });
    const consumer = lagging.consumer({ groupId, groupProtocol: "consumer" });
    const events: string[] = [];
    const note = (what: string) => (partitions: readonly TopicPartition[]) =>
      void events.push(`${what} ${numbers(partitions)}`);
    consumer.subscribe([topic], { onAssigned: note("+"), onRevoked: note("-"), onLost: note("lost") });
    while (consumer.assignment().length < 6) await consumer.poll({ timeoutMs: 20 });
    let answers = 0;
    network.rewrite(metadata, (response) => {
      if (answers++ > 0) return undefined;
      const errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION;
      return { ...response, topics: response.topics.map((each) => ({ ...each, errorCode, partitions: [] })) };
    });
    while (answers < 3) await consumer.poll({ timeoutMs: 20 });
    expect(events).toEqual(["+ 012345"]);
  });

  it("begins anew in a topic that was deleted and made again", async () => {
    const member = new Member();
    await produce(12);
    await until(() => member.values.length === 12);
    await client.admin().deleteTopics([topic]);
    await createTopic(client, topic, 6);
    await until(() => member.events.length === 3);
    expect(member.events).toEqual(["+ 012345", "- 012345", "+ 012345"]);
    await produce(12);
    await until(() => member.values.length === 24);
  });

  it("finds out by asking for offsets that it is no member any more", async () => {
    const raw = await RawClient.connect(cluster.brokers);
    const configs = [
      { name: "consumer.session.timeout.ms", configOperation: 0, value: "60000" },
      { name: "consumer.heartbeat.interval.ms", configOperation: 0, value: "15000" },
    ];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: groupId, configs }];
    const altered = await raw.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    expect(altered.responses[0]).toMatchObject({ errorCode: 0 });
    const member = new Member();
    await until(() => member.share === "012345");
    const { memberId } = member.consumer.groupMetadata();
    const leave = { groupId, memberId, memberEpoch: -1 };
    expect(await raw.send(consumerGroupHeartbeat, 1, leave)).toMatchObject({ errorCode: 0 });
    raw.close();
    const leftAt = performance.now();
    expect(await member.consumer.committed([{ topic, partition: 0 }])).toEqual([]);
    await until(() => member.events.includes("lost 012345"));
    // The next heartbeat would have come after fifteen seconds.
    expect(performance.now() - leftAt).toBeLessThan(5_000);
    await until(() => member.share === "012345");
    expect(member.errors).toEqual([]);
  });

  it("refuses options that the broker decides about", () => {
    const refused = (options: ConsumerOptions): unknown => {
      try {
        return client.consumer({ groupId, ...options });
      } catch (error) {
        return error;
      }
    };
    const invalid = { code: "INVALID_ARGUMENT" };
    expect(refused({ groupProtocol: "consumer", assignors: [rangeAssignor] })).toMatchObject(invalid);
    expect(refused({ groupProtocol: "consumer", sessionTimeoutMs: 10_000 })).toMatchObject(invalid);
    expect(refused({ groupProtocol: "consumer", heartbeatIntervalMs: 100 })).toMatchObject(invalid);
    expect(refused({ remoteAssignor: "range" })).toMatchObject(invalid);
    expect(refused({ groupProtocol: "other" as Protocol })).toMatchObject(invalid);
  });
});

function without(all: string, some: string): TopicPartition[] {
  return [...all].filter((each) => !some.includes(each)).map((each) => ({ topic, partition: Number(each) }));
}
