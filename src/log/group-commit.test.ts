import { beforeEach, describe, expect, it } from "vitest";
import { GroupCommit } from "./group-commit.ts";

/** A file whose syncs end when the test says so. */
class HeldSyncs {
  endOffset = 0;
  /** The log's end when each sync began. */
  readonly begun: number[] = [];
  readonly #held: { resolve: () => void; reject: (error: Error) => void }[] = [];

  sync(): Promise<void> {
    this.begun.push(this.endOffset);
    return new Promise((resolve, reject) => this.#held.push({ resolve, reject }));
  }

  async end(): Promise<void> {
    this.#held.shift()?.resolve();
    await settle();
  }
  async fail(): Promise<void> {
    this.#held.shift()?.reject(new Error("EIO"));
    await settle();
  }
}

/** Lets all promises go on that can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

let target: HeldSyncs;
let turn: (() => void)[];
let events: string[];
let commit: GroupCommit;
beforeEach(() => {
  target = new HeldSyncs();
  turn = [];
  events = [];
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    setTimer: () => ({ cancel: () => {} }),
    setImmediate: (callback: () => void) => void turn.push(callback),
  };
  commit = new GroupCommit(
    clock,
    { endOffset: () => target.endOffset, sync: () => target.sync() },
    0,
    () => events.push(`durable ${commit.durableOffset}`),
    (error) => {
      events.push(`failed: ${error.message}`);
      commit.fail(error);
    },
  );
});

/** Handles what was put off to the end of this turn of the event loop. */
async function endTurn(): Promise<void> {
  for (const callback of turn.splice(0)) callback();
  await settle();
}

function append(name: string): void {
  const offset = ++target.endOffset;
  commit.request();
  commit.whenDurable(offset, (error) => events.push(error ? `${name}: ${error.message}` : name));
}

it("what arrives in one turn of the event loop shares one sync", async () => {
  append("a");
  append("b");
  append("c");
  expect(target.begun).toEqual([]);
  await endTurn();
  expect(target.begun).toEqual([3]);
  expect(events).toEqual([]);
  await target.end();
  expect(events).toEqual(["durable 3", "a", "b", "c"]);
});

it("what arrives during a sync joins the next one, and none begins meanwhile", async () => {
  append("a");
  await endTurn();
  append("b");
  append("c");
  await endTurn();
  expect(target.begun).toEqual([1]);
  await target.end();
  expect(events).toEqual(["durable 1", "a"]);
  await endTurn();
  expect(target.begun).toEqual([1, 3]);
  await target.end();
  expect(events).toEqual(["durable 1", "a", "durable 3", "b", "c"]);
});

it("what nobody waits for is synced too, and then there is no further sync", async () => {
  target.endOffset = 5;
  commit.request();
  await endTurn();
  await target.end();
  await endTurn();
  expect(target.begun).toEqual([5]);
  expect(commit.durableOffset).toBe(5);
});

it("a request during a sync is not lost, though no offset is new", async () => {
  append("a");
  await endTurn();
  commit.request();
  await target.end();
  await endTurn();
  expect(target.begun).toEqual([1, 1]);
});

it("who waits for what is durable is called back at once", async () => {
  append("a");
  await endTurn();
  await target.end();
  commit.whenDurable(1, () => events.push("at once"));
  expect(events.at(-1)).toBe("at once");
  expect(turn).toEqual([]);
});

it("a callback may append and wait anew", async () => {
  target.endOffset = 1;
  commit.whenDurable(1, () => append("b"));
  await endTurn();
  await target.end();
  await endTurn();
  await target.end();
  expect(events).toEqual(["durable 1", "durable 2", "b"]);
});

describe("a failed sync (fault 17)", () => {
  it("fails those who wait for it, those who joined meanwhile, and all who come", async () => {
    append("a");
    await endTurn();
    append("b");
    await target.fail();
    append("c");
    expect(events).toEqual(["failed: EIO", "a: EIO", "b: EIO", "c: EIO"]);
  });

  it("is never tried again", async () => {
    append("a");
    await endTurn();
    await target.fail();
    append("b");
    commit.request();
    await endTurn();
    expect(target.begun).toEqual([1]);
  });

  it("leaves what was durable before", async () => {
    append("a");
    await endTurn();
    await target.end();
    append("b");
    await endTurn();
    await target.fail();
    commit.whenDurable(1, (error) => events.push(error ? "lost" : "still durable"));
    expect(events.at(-1)).toBe("still durable");
  });
});

it("a sync that ends after a failure from elsewhere makes nothing durable", async () => {
  append("a");
  await endTurn();
  commit.fail(new Error("write failed"));
  await target.end();
  expect(events).toEqual(["a: write failed"]);
  expect(commit.durableOffset).toBe(0);
});

describe("idle", () => {
  const isIdle = async (): Promise<boolean> => {
    let done = false;
    void commit.idle().then(() => {
      done = true;
    });
    await settle();
    return done;
  };

  it("at once when nothing is to do", async () => {
    expect(await isIdle()).toBe(true);
  });

  it("not before the last sync has ended, failed or not", async () => {
    append("a");
    expect(await isIdle()).toBe(false);
    await endTurn();
    append("b");
    await target.end();
    expect(await isIdle()).toBe(false);
    await endTurn();
    expect(await isIdle()).toBe(false);
    await target.fail();
    expect(await isIdle()).toBe(true);
  });
});
