// What a power loss may take and what not, where the moment matters.

import { expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { append, batchOf, consume, durable, LogFixture, valuesOf } from "./log.testing.ts";

it("does not take what was appended to a segment that is sealed while a sync is under way (simulator, seed 3)", async () => {
  const held: (() => void)[] = [];
  let isHolding = false;
  const whileSyncing = (): Promise<void> =>
    isHolding ? new Promise((resolve) => held.push(resolve)) : Promise.resolve();
  const disk = new MemoryDisk({ canCrash: true, whileSyncing });
  const config = { segmentBytes: 2 * batchOf({ values: ["a"] }).sizeBytes };
  const fixture = new LogFixture(config, disk);
  const log = await fixture.open();
  isHolding = true;
  append(log, { values: ["a"] });
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  // While that is being synced, its segment gets another batch and is sealed.
  append(log, { values: ["b"] });
  append(log, { values: ["c"] });
  expect(fixture.files("log")).toHaveLength(2);
  isHolding = false;
  for (const release of held) release();
  await durable(log);
  for (let seed = 0; seed < 30; seed++) {
    const reopened = await new LogFixture(config, disk.afterCrash(seededRandom(seed))).open();
    expect(valuesOf(consume(reopened, "read_uncommitted")), `seed ${seed}`).toEqual(["a", "b", "c"]);
    await reopened.close();
  }
});
