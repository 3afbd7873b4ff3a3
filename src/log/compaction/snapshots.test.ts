// The producer snapshot that the next start goes on from: without it, a gap that compaction left looks like a loss.

import { expect, it } from "vitest";
import type { Disk } from "../../platform/disk.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { FaultyDisk } from "../faulty-disk.testing.ts";
import { durable, LogFixture } from "../log.testing.ts";
import type { LogConfig } from "../log-config.ts";
import { segmentFileName } from "../segment-files.ts";
import { appendKeyed, compactionOptions, contents, seal } from "./compaction.testing.ts";
import { WatchedDisk } from "./watched-disk.testing.ts";

const config: Partial<LogConfig> = { cleanupPolicy: ["compact"] };

it("stays when there is no room for its like (simulator, seed 31003757)", async () => {
  const disk = new FaultyDisk();
  disk.code = "ENOSPC";
  const fixture = new LogFixture(config, disk);
  let log = await fixture.open();
  for (const entry of ["a=0", "a=1", "a=2", "b=1"]) appendKeyed(log, { entries: [entry] });
  await durable(log);
  await log.close();
  expect(fixture.files("snapshot")).toEqual([segmentFileName(4, "snapshot")]);
  // A roll at the same offset.
  log = await fixture.open();
  disk.fails = (operation, path) => operation === "write" && path.includes("snapshot");
  await seal(fixture, log);
  appendKeyed(log, { entries: ["c=1"] });
  await durable(log);
  await log.flush();
  disk.fails = () => false;
  await log.compaction.run(0, compactionOptions(fixture));
  expect(contents(log)).toEqual(["2:a=2", "3:b=1", "4:c=1"]);
  // A kill.
  log = await fixture.open();
  expect(contents(log)).toEqual(["2:a=2", "3:b=1", "4:c=1"]);
});

it("that somebody removed with all others leaves the log as it is, gaps and all", async () => {
  const fixture = new LogFixture({ ...config, segmentBytes: 500 });
  let log = await fixture.open();
  // Each segment keeps its last batch, and gaps in front of it.
  for (let i = 0; i < 30; i++) appendKeyed(log, { entries: [i === 3 ? "kept=1" : `k${i % 3}=${i}`] });
  await durable(log);
  await log.flush();
  await log.compaction.run(0, compactionOptions(fixture));
  const expected = contents(log);
  expect(expected[0]).toBe("3:kept=1");
  expect(fixture.files("log").length).toBeGreaterThan(1);
  await log.close();
  for (const name of fixture.files("snapshot")) fixture.disk.remove(fixture.path(name));
  fixture.lines.length = 0;
  log = await fixture.open();
  expect(contents(log)).toEqual(expected);
  expect(log.logEndOffset).toBe(30);
  expect(fixture.lines).toEqual([]);
});

it("of the middle of a segment is gone, durably, before that is compacted", async () => {
  const disk = new FaultyDisk({ canCrash: true });
  const left: Disk[] = [];
  let isWatching = false;
  const watched = new WatchedDisk(disk, () => {
    if (!isWatching) return;
    for (let seed = 0; seed < 10; seed++) left.push(disk.afterCrash(seededRandom(100 * left.length + seed)));
  });
  const fixture = new LogFixture({ ...config, recoveryPointIntervalBytes: 1 }, watched);
  const log = await fixture.open();
  for (const entry of ["a=0", "a=1"]) {
    appendKeyed(log, { entries: [entry] });
    await log.flush();
  }
  fixture.config = { ...fixture.config, recoveryPointIntervalBytes: 1_000_000 };
  appendKeyed(log, { entries: ["a=2"] });
  await seal(fixture, log);
  isWatching = true;
  await log.compaction.run(0, compactionOptions(fixture));
  isWatching = false;
  const swapped = left.filter((each) => each.exists(fixture.path(segmentFileName(0, "log").concat(".swap"))));
  expect(swapped.length).toBeGreaterThan(0);
  for (const each of swapped) {
    expect(each.list(fixture.folder).filter((name) => name.endsWith(".snapshot"))).toEqual([
      segmentFileName(3, "snapshot"),
    ]);
  }
});
