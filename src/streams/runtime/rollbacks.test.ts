import { describe, expect, it } from "vitest";
import { CommitFailedError, OncillaError, TimeoutError } from "../../client/index.ts";
import { Rollbacks } from "./rollbacks.ts";

const timeout = new TimeoutError("no answer");
const outage = new OncillaError("TIMEOUT", "abort the transaction", { abortable: true, cause: timeout });
const failure = new CommitFailedError("COMMIT_FAILED", "the group went on", { abortable: true });

function note(rollbacks: Rollbacks, error: Error, times: number): void {
  for (let i = 0; i < times; i++) {
    rollbacks.note(error);
    rollbacks.check(error);
  }
}

describe("rollbacks in a row", () => {
  it("end the worker when there are too many", () => {
    const rollbacks = new Rollbacks();
    note(rollbacks, failure, 20);
    expect(() => note(rollbacks, failure, 1)).toThrow(expect.objectContaining({ code: "NO_PROGRESS", cause: failure }));
  });

  it("but not in an outage, nor for the first failure after a long one", () => {
    const rollbacks = new Rollbacks();
    note(rollbacks, timeout, 50);
    note(rollbacks, outage, 50);
    note(rollbacks, failure, 20);
    expect(() => note(rollbacks, failure, 1)).toThrow("21 times in a row");
  });

  it("end the worker when a topic is gone, though what it sends there fails by a timeout", () => {
    const gone = new OncillaError("UNKNOWN_TOPIC_OR_PARTITION", "1 records for t-0", { retriable: true });
    const expired = new TimeoutError("1 records for t-0 were not acknowledged", { cause: gone });
    const aborted = new OncillaError("TIMEOUT", "abort the transaction", { abortable: true, cause: expired });
    const rollbacks = new Rollbacks();
    note(rollbacks, aborted, 20);
    expect(() => note(rollbacks, aborted, 1)).toThrow(expect.objectContaining({ code: "NO_PROGRESS", cause: aborted }));
  });

  it("are counted from the last commit", () => {
    const rollbacks = new Rollbacks();
    note(rollbacks, failure, 20);
    rollbacks.onCommit();
    note(rollbacks, failure, 20);
  });

  it("are followed by ever longer waits, in an outage too", () => {
    const rollbacks = new Rollbacks();
    const waits = Array.from({ length: 7 }, () => {
      rollbacks.note(outage);
      return rollbacks.backoffMs;
    });
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
  });
});
