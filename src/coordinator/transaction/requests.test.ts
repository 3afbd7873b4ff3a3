import { describe, expect, it } from "vitest";
import { errorName } from "../../protocol/errors.ts";
import { World } from "./story.testing.ts";

describe("requests that make no sense", () => {
  function init(transactionalId: string, timeoutMs: number, producerId = -1, producerEpoch = -1): string {
    const world = new World();
    let answer = "";
    const request = { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch };
    world.take(
      world.coordinator.initProducerId(request, 5, world.now, ({ errorCode }) => {
        answer = errorName(errorCode);
      }),
    );
    return answer;
  }

  it("a timeout that is not above zero, or above transaction.max.timeout.ms", () => {
    expect([-1, 0, 1, 900_000, 900_001, 2_147_483_647].map((timeoutMs) => init("app", timeoutMs))).toEqual([
      "INVALID_TRANSACTION_TIMEOUT",
      "INVALID_TRANSACTION_TIMEOUT",
      "NONE",
      "NONE",
      "INVALID_TRANSACTION_TIMEOUT",
      "INVALID_TRANSACTION_TIMEOUT",
    ]);
  });

  it("a producer id without an epoch, or the other way round", () => {
    expect([init("app", 1, 5, -1), init("app", 1, -1, 5)]).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
  });

  it("an empty transactional id", () => {
    const answers: string[] = [init("", 1)];
    const world = new World();
    const producer = { producerId: 1, producerEpoch: 0 };
    for (const how of ["add", "verify"] as const) {
      world.partitions(how, "", producer, [{ topic: "orders", partition: 0 }], (error) => answers.push(error));
    }
    world.offsets("", producer, "group", (error) => answers.push(error));
    world.end("", producer, true, 5, (error) => answers.push(error));
    expect(answers).toEqual(Array(5).fill("INVALID_REQUEST"));
  });
});

describe("replies", () => {
  it("a verification is answered for the moment of the reply: an abort that came in between is seen", () => {
    const { world, producer, orders } = openTransaction();
    const answers: string[] = [];
    const request = {
      transactionalId: "app",
      ...producer,
      partitions: [orders],
      verifyOnly: true,
      version: 0,
    } as const;
    // The reply is held back: an earlier record is not durable yet.
    const held = world.coordinator.addPartitionsToTxn(request, world.now, (errors) => answers.push(...errors));
    world.end("app", producer, false, 3, () => {});
    for (const reply of held.replies) reply();
    expect(answers).toEqual(["CONCURRENT_TRANSACTIONS"]);
  });

  it("a verification does not know what is added behind it, which is not durable when it is answered", () => {
    const { world, producer } = openTransaction();
    const answers: string[] = [];
    const partition = { topic: "orders", partition: 1 };
    const request = {
      transactionalId: "app",
      ...producer,
      partitions: [partition],
      verifyOnly: true,
      version: 0,
    } as const;
    const held = world.coordinator.addPartitionsToTxn(request, world.now, (errors) => answers.push(...errors));
    world.partitions("add", "app", producer, [partition], () => {});
    for (const reply of held.replies) reply();
    expect(answers).toEqual(["TRANSACTION_ABORTABLE"]);
  });

  it("nothing is answered, and no marker asked for, outside of a step", () => {
    const { world, producer } = openTransaction();
    const answers: string[] = [];
    const request = { transactionalId: "app", ...producer, committed: true };
    const step = world.coordinator.endTxn(request, 5, world.now, ({ errorCode }) => answers.push(errorName(errorCode)));
    expect(answers).toEqual([]);
    expect(step.records).toHaveLength(1);
    expect(step.markers).toEqual([
      {
        transactionalId: "app",
        producerId: 1,
        producerEpoch: 1,
        type: "commit",
        coordinatorEpoch: 3,
        transactionVersion: 2,
        partitions: [{ topic: "orders", partition: 0 }],
      },
    ]);
    for (const reply of step.replies) reply();
    expect(answers).toEqual(["NONE"]);
  });

  function openTransaction() {
    const world = new World();
    const producer = { producerId: 1, producerEpoch: 0 };
    const orders = { topic: "orders", partition: 0 };
    world.init("app", undefined, 5, () => {});
    world.partitions("add", "app", producer, [orders], () => {});
    return { world, producer, orders };
  }
});

describe("deadlines", () => {
  it("the next one is never later than what is due", () => {
    const world = new World();
    const producer = { producerId: 1, producerEpoch: 0 };
    expect(world.coordinator.nextDeadline()).toBeUndefined();
    world.init("app", undefined, 5, () => {});
    expect(world.coordinator.nextDeadline()).toBe(world.now + 604_800_000);
    world.partitions("produce", "app", producer, [{ topic: "orders", partition: 0 }], () => {});
    expect(world.coordinator.nextDeadline()).toBe(world.now + 60_000);
    world.end("app", producer, true, 5, () => {});
    world.end("app", producer, true, 5, () => {});
    expect(world.coordinator.nextDeadline()).toBe(world.now + 100);
  });

  it("do not wait for a clock that was set back between two lives", () => {
    const world = new World();
    world.init("app", undefined, 5, () => {});
    world.now -= 365 * 86_400_000;
    world.restart();
    expect(world.coordinator.nextDeadline()).toBe(world.now + 604_800_000);
    world.partitions(
      "produce",
      "app",
      { producerId: 1, producerEpoch: 0 },
      [{ topic: "orders", partition: 0 }],
      () => {},
    );
    expect(world.coordinator.nextDeadline()).toBe(world.now + 60_000);
    world.now -= 86_400_000;
    world.restart();
    expect(world.coordinator.nextDeadline()).toBe(world.now + 60_000);
  });
});
