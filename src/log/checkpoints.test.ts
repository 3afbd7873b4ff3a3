/** The small files beside a log's segments: one that is damaged is told of, and never believed. */
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { seededRandom } from "../platform/seeded-random.ts";
import { WatchedDisk } from "./compaction/watched-disk.testing.ts";
import { append, consume, durable, LogFixture, valuesOf } from "./log.testing.ts";
import type { Finding } from "./offline/finding.ts";
import { verifyPartition } from "./offline/verify-partition.ts";
import type { PartitionLog } from "./partition-log.ts";

const LOG_START = "log-start-offset-checkpoint";
const EPOCHS = "leader-epoch-checkpoint";
const METADATA = "partition.metadata";
const EPOCHS_CRC = `${EPOCHS}.crc32c`;

/** What a kill leaves. */
const keepAll = { float: () => 0.2, bytes: (length: number) => new Uint8Array(length) };

let fixture: LogFixture;

/** Nine records of epoch 0 in two segments, of which five are deleted, then one of epoch 3. */
beforeEach(async () => {
  fixture = new LogFixture({ segmentBytes: 500 }, new MemoryDisk({ canCrash: true }));
  const log = await fixture.open();
  for (let i = 0; i < 9; i++) append(log);
  await durable(log);
  log.deleteRecordsBefore(5);
  await log.close();
  fixture.leaderEpoch = 3;
  const later = await fixture.open();
  append(later);
  await later.close();
  fixture.lines.length = 0;
});

function view(log: PartitionLog): unknown {
  const epochs = [0, 1, 2, 3].map((epoch) => log.offsetForLeaderEpoch(epoch));
  return { start: log.logStartOffset, end: log.logEndOffset, epochs };
}

const sound = {
  start: 5,
  end: 10,
  epochs: [
    { leaderEpoch: 0, endOffset: 9 },
    { leaderEpoch: 0, endOffset: 9 },
    { leaderEpoch: 0, endOffset: 9 },
    { leaderEpoch: 3, endOffset: 10 },
  ],
};

async function opened(): Promise<{ readonly view: unknown; readonly warnings: readonly string[] }> {
  fixture.lines.length = 0;
  const log = await fixture.open();
  const seen = view(log);
  await log.close();
  const warnings = fixture.lines.filter(({ level }) => level !== "info").map(({ message }) => message);
  return { view: seen, warnings };
}

function damagedPaths(topicId?: string): string[] {
  const findings: Finding[] = [];
  verifyPartition(fixture.disk, fixture.folder, { topicId, onFinding: (finding) => findings.push(finding) });
  return findings.filter(({ isDamage }) => isDamage).map(({ path }) => path);
}

/** Calls back with the file once for each of its bits, that one wrong; all files are back afterwards. */
async function withEachBitWrong(name: string, look: (place: string) => Promise<void>): Promise<void> {
  const files = new Map(fixture.disk.list(fixture.folder).map((each) => [each, fixture.bytesOf(each)]));
  const bytes = fixture.bytesOf(name);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    fixture.save(name, damaged);
    await look(`bit ${bit}: ${JSON.stringify(damaged.toString("latin1"))}`);
    for (const each of fixture.disk.list(fixture.folder)) fixture.disk.remove(fixture.path(each));
    for (const [each, content] of files) fixture.save(each, content);
  }
}

describe("the log's start offset", () => {
  it("any wrong bit: the log starts with its oldest segment, and a warning says so", async () => {
    await withEachBitWrong(LOG_START, async (place) => {
      expect(damagedPaths(), place).toEqual([fixture.path(LOG_START)]);
      const { view, warnings } = await opened();
      expect(view, place).toEqual({ ...sound, start: Number.parseInt(fixture.files("log")[0] as string, 10) });
      expect(warnings, place).toEqual(["log start offset damaged: the log starts with what is there, deleted or not"]);
    });
  });

  it("is read without a CRC too, as versions before wrote it", async () => {
    fixture.save(LOG_START, Buffer.from("0\n1\ntopic 0 6\n"));
    expect(await opened()).toEqual({ view: { ...sound, start: 6 }, warnings: [] });
  });

  it("that was shown holds after any power loss, also one while the next is saved, and without a warning", async () => {
    const { disk } = fixture;
    const images: { readonly disk: MemoryDisk; readonly shown: number }[] = [];
    let shown = 5;
    let seed = 0;
    fixture.disk = new WatchedDisk(disk, () => {
      for (let i = 0; i < 20; i++) images.push({ disk: (disk as MemoryDisk).afterCrash(seededRandom(++seed)), shown });
    });
    const log = await fixture.open();
    for (const offset of [6, 7, 8]) {
      log.deleteRecordsBefore(offset);
      await log.flush();
      shown = log.logStartOffset;
      expect(shown).toBe(offset);
    }
    await log.close();
    for (const [i, image] of images.entries()) {
      fixture.disk = image.disk;
      const seen = await opened();
      expect((seen.view as typeof sound).start, `image ${i}`).toBeGreaterThanOrEqual(image.shown);
      expect(seen.warnings, `image ${i}`).toEqual([]);
    }
  });

  it("damaged, is made anew when the log's start moves on", async () => {
    fixture.save(LOG_START, Buffer.from("0\n1\ntopic 0 5\ncrc32c 00000000\n"));
    const log = await fixture.open();
    log.deleteRecordsBefore(7);
    await log.close();
    expect(await opened()).toEqual({ view: { ...sound, start: 7 }, warnings: [] });
    expect(damagedPaths()).toEqual([]);
  });
});

describe("the topic's id", () => {
  it("any wrong bit: the log is not opened where another topic's id is read, or the file is written anew, with a warning", async () => {
    await withEachBitWrong(METADATA, async (place) => {
      expect(damagedPaths("AAAAAAAAAAAAAAAAAAAAAQ"), place).toEqual([fixture.path(METADATA)]);
      const seen = await opened().catch((error: Error) => error.message);
      if (typeof seen === "string")
        expect(seen, place).toMatch(/^topic-0 belongs to the topic with the id \S{22}, not /);
      else expect(seen, place).toEqual({ view: sound, warnings: ["topic id unfinished or damaged: written anew"] });
    });
  });
});

it("a producer snapshot, any wrong bit: it is passed over, with a warning, and an older one serves", async () => {
  const name = fixture.files("snapshot").at(-1) as string;
  await withEachBitWrong(name, async (place) => {
    expect(damagedPaths(), place).toEqual([fixture.path(name)]);
    expect(await opened(), place).toEqual({ view: sound, warnings: ["damaged producer snapshot passed over"] });
  });
});

describe("the leader epochs", () => {
  it.each([EPOCHS, EPOCHS_CRC])(
    "any wrong bit of %s: they are read from the batches, and a warning says so",
    async (name) => {
      await withEachBitWrong(name, async (place) => {
        expect(damagedPaths(), place).toContain(fixture.path(EPOCHS));
        const seen = await opened();
        expect(seen, place).toEqual({
          view: sound,
          warnings: ["leader epochs missing or damaged: read from all batches"],
        });
      });
    },
  );

  it("are read without a CRC too, as Apache Kafka writes them", async () => {
    fixture.disk.remove(fixture.path(EPOCHS_CRC));
    expect(await opened()).toEqual({ view: sound, warnings: [] });
    expect(damagedPaths()).toEqual([]);
  });

  it.each(["fsync", "os"] as const)(
    "durability %s: a new one is saved before anything of it is written",
    async (durability) => {
      fixture.config = { ...fixture.config, durability };
      for (fixture.leaderEpoch = 4; fixture.leaderEpoch < 7; fixture.leaderEpoch++) {
        const log = await fixture.open();
        append(log, { values: [`of epoch ${fixture.leaderEpoch}`] });
        fixture.disk = (fixture.disk as MemoryDisk).afterCrash(keepAll);
      }
      expect(valuesOf(consume(await fixture.open(), "read_uncommitted")).slice(-3)).toEqual([
        "of epoch 4",
        "of epoch 5",
        "of epoch 6",
      ]);
      expect(fixture.lines.filter(({ level }) => level !== "info")).toEqual([]);
    },
  );

  it("of a leader to come: the log is not opened, for what it would write now would pass for damage", async () => {
    fixture.leaderEpoch = 2;
    await expect(fixture.open()).rejects.toThrow("leader-epoch-checkpoint is damaged at position 0: leader epoch 3");
  });

  it("a kill while those of a new epoch are saved: they are relied on at the next start", async () => {
    const { disk } = fixture;
    const images: MemoryDisk[] = [];
    fixture.leaderEpoch = 4;
    fixture.disk = new WatchedDisk(disk, () => images.push((disk as MemoryDisk).afterCrash(keepAll)));
    const log = await fixture.open();
    append(log);
    await log.close();
    expect(images.length).toBeGreaterThan(10);
    fixture.leaderEpoch = 5;
    for (const image of images) {
      fixture.disk = image;
      expect((await opened()).warnings).toEqual([]);
    }
  });
});
