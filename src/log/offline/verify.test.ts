import { beforeEach, describe, expect, it } from "vitest";
import { MemoryDisk } from "../../platform/memory-disk.ts";
import { seededRandom } from "../../platform/seeded-random.ts";
import { append, appendTransactional, durable, LogFixture, mark } from "../log.testing.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { Finding } from "./finding.ts";
import { verifyPartition } from "./verify-partition.ts";

let fixture: LogFixture;

function verify(): Finding[] {
  const findings: Finding[] = [];
  verifyPartition(fixture.disk, fixture.folder, { onFinding: (finding) => findings.push(finding) });
  return findings;
}

function damage(): string[] {
  return verify()
    .filter(({ isDamage }) => isDamage)
    .map(({ path, position, problem }) => `${path.split("/").at(-1)}@${position ?? ""}: ${problem}`);
}

/** Three segments with transactions that commit and abort, over segments' borders too, and an idempotent producer. */
async function write(log: PartitionLog): Promise<void> {
  for (let round = 0; round < 3; round++) {
    appendTransactional(log, { producerId: 1, sequence: 2 * round, values: ["a", "b"], timestamp: 1_000 + round });
    append(log, { producerId: 2, sequence: round, values: [`idempotent ${round}`], compression: 1 + round });
    appendTransactional(log, { producerId: 3, sequence: round, values: ["c".repeat(60)] });
    mark(log, round === 1 ? "commit" : "abort", 1);
    if (round !== 1) mark(log, "abort", 3);
  }
  await durable(log);
}

beforeEach(() => {
  fixture = new LogFixture({ segmentBytes: 700, indexIntervalBytes: 100 });
});

async function stopped(): Promise<void> {
  const log = await fixture.open();
  await write(log);
  await log.close();
}

describe("a log that was stopped cleanly", () => {
  it("is sound, in all its files", async () => {
    await stopped();
    expect(fixture.files("log").length).toBeGreaterThan(1);
    expect(verify()).toEqual([]);
  });

  it("of several leader epochs, with records deleted from its start, is sound", async () => {
    for (const epoch of [0, 3, 7]) {
      fixture.leaderEpoch = epoch;
      const log = await fixture.open();
      append(log, { values: [`of epoch ${epoch}`] });
      append(log, { values: [`of epoch ${epoch}`] });
      await durable(log);
      if (epoch === 7) log.deleteRecordsBefore(3);
      await log.close();
    }
    expect(verify()).toEqual([]);
  });

  it.each(["log", "index", "timeindex", "txnindex", "snapshot"])(
    "every wrong bit of every .%s is found, and where it is",
    async (kind) => {
      await stopped();
      for (const name of fixture.files(kind)) {
        const sound = fixture.bytesOf(name);
        for (let at = 0; at < sound.length; at++) {
          const damaged = Buffer.from(sound);
          damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
          fixture.save(name, damaged);
          const found = verify().filter(({ path, isDamage }) => isDamage && path === fixture.path(name));
          expect({ name, at, found: found.length }).toMatchObject({ name, at });
          expect(found.length, `${name}, byte ${at}`).toBeGreaterThan(0);
          // The batch, or the entry, that has it.
          const positions = found.map(({ position = 0 }) => position);
          expect(Math.min(...positions), `${name}, byte ${at}`).toBeLessThanOrEqual(at);
        }
        fixture.save(name, sound);
      }
      expect(verify()).toEqual([]);
    },
  );

  it("every wrong bit of every .indexcrc is found: a note where the log is written to, whose indexes may be saved again", async () => {
    await stopped();
    const names = fixture.files("indexcrc");
    expect(names).toHaveLength(fixture.files("log").length);
    for (const name of names) {
      const bytes = fixture.bytesOf(name);
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        const damaged = Buffer.from(bytes);
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
        fixture.save(name, damaged);
        const expected = { path: fixture.path(name), isDamage: name !== names.at(-1) };
        expect(verify(), `${name}, bit ${bit}`).toMatchObject([expected]);
      }
      fixture.save(name, bytes);
    }
  });

  it("a leader epoch that another file contradicts is found", async () => {
    await stopped();
    fixture.save("leader-epoch-checkpoint", Buffer.from("0\n1\n5 0\n"));
    fixture.disk.remove(fixture.path("leader-epoch-checkpoint.crc32c"));
    expect(damage()[0]).toMatch(/\.log@0: a batch of leader epoch 0, where epoch 5 wrote/);
  });

  it("missing files are found", async () => {
    await stopped();
    for (const kind of ["index", "timeindex", "txnindex"]) {
      const [name = ""] = fixture.files(kind);
      const bytes = fixture.bytesOf(name);
      fixture.disk.remove(fixture.path(name));
      expect(verify()).toEqual([
        {
          path: fixture.path(name),
          problem: "the file is missing: it is built anew from the batches when needed",
          isDamage: false,
        },
      ]);
      fixture.save(name, bytes);
    }
    fixture.disk.remove(fixture.path("leader-epoch-checkpoint"));
    expect(verify()).toEqual([
      {
        path: fixture.path("leader-epoch-checkpoint"),
        problem: "the file is missing: a start reads the epochs from all batches",
        isDamage: false,
      },
    ]);
    fixture.disk.remove(fixture.path(fixture.files("log")[1] ?? ""));
    expect(damage()[0]).toMatch(/offsets \d+ to \d+ are missing before it|the log ends at offset/);
  });

  it("a shortened last segment is found", async () => {
    await stopped();
    const name = fixture.files("log").at(-1) ?? "";
    fixture.save(name, fixture.bytesOf(name).subarray(0, -5));
    expect(damage().join("\n")).toMatch(/a batch of \d+ bytes, of which \d+ are there/);
  });
});

describe("a log that was not stopped", () => {
  it("has no damage, whatever a power loss left of what was not durable; the next start cuts that, and it is sound", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      fixture = new LogFixture({ segmentBytes: 700, indexIntervalBytes: 100 });
      const log = await fixture.open();
      await write(log);
      for (let i = 0; i < 5; i++) append(log, { values: [`not durable ${i}`] });
      fixture.disk = (fixture.disk as MemoryDisk).afterCrash(seededRandom(seed));
      const unfinished = verify();
      expect(
        unfinished.filter(({ isDamage }) => isDamage),
        `seed ${seed}`,
      ).toEqual([]);
      const again = await fixture.open();
      await again.close();
      expect(verify(), `seed ${seed}`).toEqual([]);
      await log.close();
    }
  });

  it("has no damage when the power went while a recovery point was being saved", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      let isHeld = false;
      const whileSyncing = (): Promise<void> => (isHeld ? new Promise<void>(() => {}) : Promise.resolve());
      const disk = new MemoryDisk({ canCrash: true, whileSyncing });
      fixture = new LogFixture({ indexIntervalBytes: 100, recoveryPointIntervalBytes: 300 }, disk);
      const log = await fixture.open();
      for (let i = 0; i < 20 + (seed % 7); i++) {
        append(log, { values: [`durable ${i}`], timestamp: 1_000 + i });
        await log.flush();
      }
      isHeld = true;
      for (let i = 0; i < 5; i++) append(log, { values: [`not durable ${i}`], timestamp: 2_000 + i });
      await new Promise((resolve) => setImmediate(resolve));
      fixture = new LogFixture(fixture.config, disk.afterCrash(seededRandom(seed)));
      isHeld = false;
      expect(damage(), `seed ${seed}`).toEqual([]);
      await (await fixture.open()).close();
      expect(verify(), `seed ${seed}`).toEqual([]);
    }
  });

  it("tells of a sync that failed", async () => {
    const log = await fixture.open();
    await write(log);
    fixture.save("failed-sync", Buffer.alloc(0));
    expect(verify()).toContainEqual(expect.objectContaining({ isDamage: false, path: fixture.path("failed-sync") }));
    await log.close();
  });

  it("tells what the next start cuts", async () => {
    const log = await fixture.open();
    await write(log);
    await log.flush();
    const name = fixture.files("log").at(-1) ?? "";
    fixture.save(name, Buffer.concat([fixture.bytesOf(name), Buffer.alloc(30)]));
    const [finding] = verify();
    expect(finding).toMatchObject({ isDamage: false, path: fixture.path(name) });
    expect(finding?.problem).toMatch(/behind the recovery point \d+, the next start cuts off the last 30 bytes/);
    await log.close();
  });
});
