import { expect, it } from "vitest";
import type { TopicPartitionOffset } from "../types.ts";
import { PendingCommits } from "./pending-commits.ts";

/** A commit whose attempts end when the test says so. */
class Attempts {
  readonly asked: string[] = [];
  #remaining: () => readonly TopicPartitionOffset[] = () => [];
  #done: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  readonly outcome: Promise<void>;

  constructor(commits: PendingCommits, ...offsets: readonly (readonly [partition: number, offset: number])[]) {
    const list = offsets.map(([partition, offset]) => ({ topic: "t", partition, offset }));
    this.outcome = commits.run(list, (remaining) => {
      this.#remaining = remaining;
      this.attempt();
      return new Promise((resolve, reject) => {
        this.#done = resolve;
        this.#failed = reject;
      });
    });
    this.outcome.catch(() => {});
  }

  attempt(): void {
    this.asked.push(
      this.#remaining()
        .map(({ partition, offset }) => `${partition}:${offset}`)
        .join(" "),
    );
  }

  succeed(): void {
    this.#done?.();
  }

  fail(): void {
    this.#failed?.(new Error("refused"));
  }
}

async function isSettled({ outcome }: Attempts): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  outcome.then(note, note);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return settled;
}

it("what a later commit stores is left to it by one that is tried again, also when the later one is done", async () => {
  const commits = new PendingCommits();
  const first = new Attempts(commits, [0, 1], [1, 1], [2, 1]);
  const second = new Attempts(commits, [0, 2]);
  first.attempt();
  second.succeed();
  await second.outcome;
  const third = new Attempts(commits, [1, 3], [0, 3]);
  first.attempt();
  expect(first.asked).toEqual(["0:1 1:1 2:1", "1:1 2:1", "2:1"]);
  expect([second.asked, third.asked]).toEqual([["0:2"], ["1:3 0:3"]]);
  first.succeed();
  expect(await isSettled(first)).toBe(false);
  third.succeed();
  await first.outcome;
});

it("one that was stored before does not wait for later ones, whose failure is their own", async () => {
  const commits = new PendingCommits();
  const first = new Attempts(commits, [0, 1]);
  const second = new Attempts(commits, [0, 2]);
  first.succeed();
  await first.outcome;
  second.fail();
  await expect(second.outcome).rejects.toThrow("refused");
});

it("one that left something to a later one fails with it", async () => {
  const commits = new PendingCommits();
  const first = new Attempts(commits, [0, 1]);
  const second = new Attempts(commits, [0, 2]);
  first.attempt();
  expect(first.asked).toEqual(["0:1", ""]);
  first.succeed();
  second.fail();
  await expect(first.outcome).rejects.toThrow("refused");
});
