// A group that grows and shrinks: one member, two, the other one, and a late one. Every record arrives once.

import { ok } from "node:assert/strict";
import { joinGroup } from "../../src/protocol/apis/join-group.ts";
import { syncGroup } from "../../src/protocol/apis/sync-group.ts";
import { nextOffsets, partitions, recordsOf, same } from "./common-scenarios.ts";
import type { Context } from "./context.ts";
import type { ConsumerSettings, Driver, ReadRecord } from "./driver.ts";
import { openFaultyProxy } from "./faulty-proxy.ts";
import { committedOffsets, write } from "./truth.ts";

const perStep = 60;
const stepTimeoutMs = 40_000;

/** A member that polls and commits until it is stopped. */
class Member {
  readonly received: ReadRecord[] = [];
  assigned: readonly number[] = [];
  readonly #driver: Driver;
  readonly #polling: Promise<void>;
  #stopping = false;
  #failure: unknown;

  private constructor(driver: Driver) {
    this.#driver = driver;
    this.#polling = this.#poll().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  static async join(driver: Driver, bootstrap: string, consumer: Partial<ConsumerSettings>): Promise<Member> {
    await driver.open(bootstrap, { consumer });
    return new Member(driver);
  }

  async #poll(): Promise<void> {
    while (!this.#stopping) {
      const { records, assigned } = await this.#driver.poll(100);
      this.received.push(...records);
      if (records.length > 0) await this.#driver.commitOffsets(nextOffsets(records));
      this.assigned = assigned.map(({ partition }) => partition).sort();
    }
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async leave(): Promise<void> {
    this.#stopping = true;
    await this.#polling;
    this.check();
    await this.#driver.close();
  }
}

/** On request, the answers to JoinGroup and SyncGroup get lost, one of each at each change of the members. */
export async function groupRebalance(
  drivers: readonly [Driver, Driver],
  context: Context,
  how: Pick<ConsumerSettings, "protocol" | "assignor">,
  loseAnswers: boolean,
): Promise<string> {
  const proxy = await openFaultyProxy(context.bootstrap);
  try {
    const { bootstrap } = loseAnswers ? { bootstrap: proxy.address } : context;
    const done = await growAndShrink(drivers, { ...context, bootstrap }, how, () => {
      if (loseAnswers) for (const api of [joinGroup, syncGroup]) proxy.faults.at(api, 1, "lose answer");
    });
    return loseAnswers ? `${done}, ${proxy.faults.hits} answers lost` : done;
  } finally {
    await proxy.close();
  }
}

async function growAndShrink(
  drivers: readonly [Driver, Driver],
  context: Context,
  how: Pick<ConsumerSettings, "protocol" | "assignor">,
  beforeChange: () => void,
): Promise<string> {
  const topic = await context.createTopic(partitions);
  const group = context.name("group");
  const settings = { group, topics: [topic], ...how };
  const baseTime = Date.now();
  const sent = recordsOf(topic, 0, 4 * perStep, baseTime);
  const everything = Array.from({ length: partitions }, (_, partition) => partition).join();
  let members: Member[] = [];
  let left: ReadRecord[] = [];

  const settled = async (what: string, condition: () => boolean): Promise<void> => {
    const deadline = performance.now() + stepTimeoutMs;
    while (!condition()) {
      for (const member of members) member.check();
      ok(performance.now() < deadline, `not in ${stepTimeoutMs} ms: ${what}; ${describe()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const describe = (): string =>
    members.map(({ assigned, received }) => `[${assigned}] with ${received.length} records`).join(", ");
  const received = (): ReadRecord[] => [...left, ...members.flatMap((member) => member.received)];
  /** The next records are written, read and committed. */
  const step = async (number: number): Promise<void> => {
    await write(context.client, sent.slice((number - 1) * perStep, number * perStep));
    await settled(`step ${number} is read`, () => received().length >= number * perStep);
    const offset = (number * perStep) / partitions;
    const deadline = performance.now() + stepTimeoutMs;
    while (
      [...(await committedOffsets(context.client, group)).values()].filter((at) => at === offset).length < partitions
    )
      ok(performance.now() < deadline, `step ${number} is not committed`);
  };

  beforeChange();
  const first = await Member.join(drivers[0], context.bootstrap, settings);
  members = [first];
  await settled("the only member has every partition", () => first.assigned.join() === everything);
  const listed = (await context.client.admin().listGroups()).find(({ groupId }) => groupId === group);
  // A client may fall back without a word.
  ok(listed?.type === how.protocol, `the group is of the ${listed?.type} protocol`);
  await step(1);

  beforeChange();
  const second = await Member.join(drivers[1], context.bootstrap, settings);
  members = [first, second];
  await settled(
    "two members share the partitions",
    () =>
      first.assigned.length === partitions / 2 && [...first.assigned, ...second.assigned].sort().join() === everything,
  );
  await step(2);
  ok(second.received.length === perStep / 2, `the second member got ${second.received.length} records`);

  beforeChange();
  await first.leave();
  left = [...first.received];
  members = [second];
  await settled("the one that stays has every partition", () => second.assigned.join() === everything);
  await step(3);
  await second.leave();
  left.push(...second.received);

  beforeChange();
  const late = await Member.join(drivers[0], context.bootstrap, settings);
  members = [late];
  await settled("the late member has every partition", () => late.assigned.join() === everything);
  await step(4);
  await late.leave();

  same(received(), sent, "records over all members");
  return `${first.received.length}, ${second.received.length} and ${late.received.length} records`;
}
