// An index that is found damaged, and built anew, while its log is compacted.

import { expect, it } from "vitest";
import { until } from "../../../test/support/until.ts";
import type { DiskFile } from "../../platform/disk.ts";
import { nodeClock } from "../../platform/node/clock.ts";
import { FaultyDisk } from "../faulty-disk.testing.ts";
import { LogFixture, read, START_MS } from "../log.testing.ts";
import type { LogConfig } from "../log-config.ts";
import type { PartitionLog } from "../partition-log.ts";
import { appendKeyed, compactionOptions, keyedBatch } from "./compaction.testing.ts";

const SEGMENT_BYTES = 2 * keyedBatch({ entries: ["a=1"] }).sizeBytes;

/** The syncs of indexes wait until the test says so. */
class HeldIndexes extends FaultyDisk {
  isHolding = false;
  release: () => void = () => {};

  override async sync(file: DiskFile): Promise<void> {
    if (this.isHolding && file.path.endsWith(".index")) {
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    }
    await super.sync(file);
  }
}

/** Five segments, the first without its index. */
async function openLog(fixture: LogFixture): Promise<PartitionLog> {
  const log = await fixture.open();
  for (let i = 0; i < 10; i++) appendKeyed(log, { entries: [`k=${i}`] });
  await log.close();
  fixture.disk.remove(fixture.path("00000000000000000000.index"));
  return fixture.open();
}

const compacted: Partial<LogConfig> = { cleanupPolicy: ["compact"], segmentBytes: SEGMENT_BYTES };

it("whose sync fails ends the swap that waits for it", async () => {
  const disk = new HeldIndexes();
  const fixture = new LogFixture(compacted, disk);
  const log = await openLog(fixture);
  // What waits for the disk must not keep the test from going on.
  fixture.clock.setImmediate = nodeClock.setImmediate;
  disk.isHolding = true;
  read(log, { offset: 1, maxBytes: 1 });
  const run = expect(log.compaction.run(0, compactionOptions(fixture))).rejects.toThrow("EIO");
  await until(() => fixture.files("swap").length > 0);
  disk.fails = (operation) => operation === "sync";
  disk.release();
  await until(() => log.offlineReason !== undefined);
  await log.close();
  await run;
});

it("does not keep what is due from being told", async () => {
  const fixture = new LogFixture({ ...compacted, minCompactionLagMs: 1, maxCompactionLagMs: 1000 });
  const log = await openLog(fixture);
  fixture.clock.timeMs = START_MS + 5000;
  expect(log.compaction.status(0)).toMatchObject({ isDue: true, endOffset: 8 });
});
