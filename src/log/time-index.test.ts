import { expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { append, batchOf, durable, foundBy, LogFixture, START_MS } from "./log.testing.ts";
import { TimeIndex } from "./time-index.ts";

it("has no entry for records without timestamps, whatever the segment's first offset", () => {
  for (const baseOffset of [0, 3_000_000_000]) {
    const index = new TimeIndex(new MemoryDisk(), "x.timeindex", baseOffset);
    index.entries.reset();
    index.append({ timestamp: -1, offset: -1 });
    expect(index.last()).toBeUndefined();
    index.append({ timestamp: 0, offset: baseOffset + 5 });
    expect(index.last()).toEqual({ timestamp: 0, offset: baseOffset + 5 });
  }
});

it("of records without timestamps is right: nothing is built anew, or read again after a clean stop", async () => {
  const size = batchOf().sizeBytes;
  const fixture = new LogFixture({ indexIntervalBytes: 2 * size, segmentBytes: 20 * size });
  let log = await fixture.open();
  for (let i = 0; i < 50; i++) append(log, { timestamp: i === 35 ? START_MS : -1 });
  await durable(log);
  expect(fixture.files("log").length).toBe(3);
  for (let restart = 0; restart < 2; restart++) {
    await log.close();
    log = await fixture.open();
    expect(log.scannedBytes).toBe(0);
    expect(foundBy(log.offsetForTimestamp(START_MS, "read_uncommitted"))?.offset).toBe(35);
    expect(foundBy(log.offsetForTimestamp(0, "read_uncommitted"))?.offset).toBe(35);
  }
  expect(fixture.lines).toEqual([]);
  await log.close();
});
