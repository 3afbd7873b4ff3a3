import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal, moment, readJournals } from "./journal.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncilla-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("journal", () => {
  it("tells what became of records and transactions, over all processes", () => {
    const before = moment();
    const place = { topic: "ledger", partition: 1 };
    const first = new Journal(folder, "txn-1");
    first.begins("t1", "txn-1.1");
    first.sends("r1", "txn-1.1", place, "t1");
    first.acknowledged("r1", 17);
    first.asksToCommit("t1");
    const second = new Journal(folder, "plain-1");
    second.sends("r2", "plain-1.1", place);
    second.failed("r2");
    second.sends("r3", "plain-1.1", place);
    const { sent, transactions } = readJournals(folder);
    expect([...sent.values()].map(({ id, outcome, offset }) => [id, outcome, offset]).toSorted()).toEqual([
      ["r1", "acknowledged", 17],
      ["r2", "failed", -1],
      ["r3", "open", -1],
    ]);
    expect(transactions).toMatchObject([{ id: "t1", outcome: "unknown", records: [{ id: "r1" }] }]);
    expect(transactions[0]?.commitAskedAt).toBeGreaterThan(before);
  });

  it("tells what a reader saw, and how far it came", () => {
    const place = { topic: "ledger", partition: 0 };
    const journal = new Journal(folder, "watcher");
    journal.opens("watcher.1", "read_committed", place);
    journal.reads("watcher.1", place, [
      [0, "r1", 5],
      [3, null, 6],
    ]);
    journal.reached("watcher.1", place, 9);
    expect(readJournals(folder).reads).toMatchObject([
      {
        reader: "watcher.1",
        isolation: "read_committed",
        isFromStart: true,
        readTo: 9,
        records: [
          { offset: 0, id: "r1", checksum: 5 },
          { offset: 3, id: undefined, checksum: 6 },
        ],
      },
    ]);
  });

  it("drops a line that a SIGKILL cut off, and goes on behind it in the next life", () => {
    const place = { topic: "plain", partition: 0 };
    new Journal(folder, "plain-1").sends("r1", "plain-1.1", place);
    appendFileSync(join(folder, "plain-1.journal"), '["sends","r2","pl');
    new Journal(folder, "plain-1").sends("r3", "plain-1.2", place);
    expect([...readJournals(folder).sent.keys()]).toEqual(["r1", "r3"]);
  });
});
