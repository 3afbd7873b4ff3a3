import { describe, expect, it } from "vitest";
import type { ConsumerRecord } from "../../client/index.ts";
import { defined } from "../../platform/assert.ts";
import { nodePlatform } from "../../platform/node/index.ts";
import { memoryEngines } from "../stores/memory-engine.ts";
import type { StreamsConsumer } from "./ports.ts";
import { Restorer } from "./restorer.ts";

const changelog = { topic: "changelog", partition: 0, topicId: "id" };

/** Gives one record at each poll, one offset of two. */
function everySecond(): StreamsConsumer {
  let position = 0;
  const consumer: Partial<StreamsConsumer> = {
    assign: () => {},
    seek: (_partition, offset) => {
      position = offset;
    },
    async poll() {
      const key = Buffer.from(`${position}`);
      const record = { ...changelog, offset: position, timestamp: 0, key, value: key, headers: [], leaderEpoch: 0 };
      position += 2;
      return [record] satisfies ConsumerRecord[];
    },
    position: async () => position,
  };
  return consumer as StreamsConsumer;
}

describe("a restore", () => {
  it.each([
    ["of a store that was away", 1_000],
    ["of an empty store", undefined],
  ])("%s is as old as it was until it is done, and then as of its start", async (_name, savedBefore) => {
    let now = 5_000;
    const restorer = new Restorer(everySecond(), { ...nodePlatform.clock, now: () => now });
    const engine = memoryEngines.open("", "store");
    if (savedBefore !== undefined) engine.commit([], { offset: 10, topicId: "id", savedAt: savedBefore });
    restorer.add(changelog, engine, 10, 14);
    now = 9_000;
    await restorer.step(0);
    expect(engine.position()).toEqual({ offset: 12, topicId: "id", savedAt: savedBefore ?? 5_000 });
    await restorer.step(0);
    expect(engine.position()).toEqual({ offset: 14, topicId: "id", savedAt: 5_000 });
    expect(defined(engine.get(Buffer.from("12")))).toBeDefined();
    expect(restorer.isIdle).toBe(true);
  });
});
