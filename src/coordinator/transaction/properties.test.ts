import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CoordinatorRecord } from "../coordinator.ts";
import { readRecord, stateRecord } from "./records.ts";
import { isPrepared, isSame, MAX_EPOCH, type Producer, type TransactionMetadata } from "./state.ts";
import { World } from "./story.testing.ts";
import { initialized } from "./transitions.ts";

fc.configureGlobal({ numRuns: 300 });

const ids = ["early", "late", "new"] as const;

/** "early" has all its epochs before it, "late" hardly any. */
const records: readonly CoordinatorRecord[] = [
  stateRecord(initialized("early", { producerId: 1, producerEpoch: 0 }, undefined, 60_000, 1_700_000_000_000)),
  stateRecord(initialized("late", { producerId: 2, producerEpoch: 32763 }, undefined, 60_000, 1_700_000_000_000)),
];

interface Action {
  readonly verb: "init" | "add" | "produce" | "verify" | "offsets" | "commit" | "abort" | "written" | "later";
  readonly id: (typeof ids)[number];
  /** Which of the producers that the id has had, counted from the last; more often the last. */
  readonly age: number;
  readonly partition: number;
  readonly version: number;
  readonly isNobody: boolean;
}

const action: fc.Arbitrary<Action> = fc.record({
  verb: fc.constantFrom(
    "init",
    "add",
    "produce",
    "produce",
    "verify",
    "offsets",
    "commit",
    "abort",
    "written",
    "later",
  ),
  id: fc.constantFrom(...ids),
  age: fc.constantFrom(0, 0, 0, 0, 1, 1, 2),
  partition: fc.nat(3),
  version: fc.constantFrom(1, 3, 5, 5),
  isNobody: fc.boolean(),
});

/** Clients without a plan: they send anything, as anybody they have ever been. */
class Clients {
  readonly world: World = new World({ records });
  readonly producers: Record<string, Producer[]> = {
    early: [{ producerId: 1, producerEpoch: 0 }],
    late: [{ producerId: 2, producerEpoch: 32763 }],
    new: [{ producerId: 77, producerEpoch: 7 }],
  };
  asked = 0;
  readonly answers: string[] = [];

  run({ verb, id, age, partition, version, isNobody }: Action): void {
    const { world } = this;
    // No two things happen at the same moment: two transactions that time out together may end in either order.
    world.later(1);
    const known = this.producers[id] ?? [];
    const producer = known[Math.max(0, known.length - 1 - age)] as Producer;
    const partitions = [{ topic: "orders", partition }];
    if (verb === "written") {
      if (world.markers.length > 0) world.written();
      return;
    }
    if (verb === "later") {
      world.later(partition === 0 ? 60_000 : 60);
      return;
    }
    const number = this.asked++;
    const answer = (error: string, next?: Producer): void => {
      this.answers.push(`${number} ${error}`);
      if (next && next.producerId !== -1) known.push(next);
    };
    if (verb === "init") world.init(id, isNobody ? undefined : producer, version, answer);
    else if (verb === "offsets") world.offsets(id, producer, "group", answer);
    else if (verb === "commit" || verb === "abort") world.end(id, producer, verb === "commit", version, answer);
    else world.partitions(verb, id, producer, partitions, answer);
  }

  /** Everything that is pending is done. */
  settle(): void {
    while (this.world.markers.length > 0) this.world.written();
    this.world.later(100);
    while (this.world.markers.length > 0) this.world.written();
  }
}

function statesOf(log: readonly CoordinatorRecord[], id: string): TransactionMetadata[] {
  return log.map((record) => readRecord(record).metadata).filter((state) => state?.transactionalId === id) as never;
}

const sequence = fc.array(action, { minLength: 1, maxLength: 60 });

describe("whatever clients send", () => {
  it("an epoch never goes back, nor beyond its end, and no producer id comes twice", () => {
    fc.assert(
      fc.property(sequence, (actions) => {
        const clients = new Clients();
        for (const each of actions) clients.run(each);
        const owners = new Map<number, string>();
        for (const id of ids) {
          let last: Producer | undefined;
          for (const { producer, ...state } of statesOf(clients.world.log, id)) {
            expect(owners.get(producer.producerId) ?? id).toBe(id);
            owners.set(producer.producerId, id);
            const isNew = producer.producerId !== last?.producerId;
            if (last && isNew) expect(producer.producerEpoch).toBe(0);
            if (last && !isNew) expect(producer.producerEpoch - last.producerEpoch).toBeOneOf([0, 1]);
            expect(producer.producerEpoch).toBeLessThanOrEqual(isPrepared(state as never) ? MAX_EPOCH : MAX_EPOCH - 1);
            last = producer;
          }
        }
      }),
    );
  });

  it("every transaction that is prepared is completed once, in the same way, before anything else happens to its id", () => {
    fc.assert(
      fc.property(sequence, (actions) => {
        const clients = new Clients();
        for (const each of actions) clients.run(each);
        clients.settle();
        for (const id of ids) {
          const states = statesOf(clients.world.log, id).map(({ state }) => state);
          for (const [index, state] of states.entries()) {
            const before = states[index - 1];
            const isComplete = state.startsWith("Complete");
            expect(isComplete).toBe(before?.startsWith("Prepare") ?? false);
            if (isComplete) expect(before).toBe(state.replace("Complete", "Prepare"));
          }
          expect(states.at(-1) ?? "").not.toMatch(/^Prepare/);
        }
      }),
    );
  });

  it("every request is answered, and once", () => {
    fc.assert(
      fc.property(sequence, (actions) => {
        const clients = new Clients();
        for (const each of actions) clients.run(each);
        clients.settle();
        const answered = clients.answers.map((answer) => Number(answer.split(" ")[0])).sort((a, b) => a - b);
        expect(answered).toEqual(Array.from({ length: clients.asked }, (_, index) => index));
      }),
    );
  });

  it("only one producer can open a transaction: the one whom the last success told who it is", () => {
    fc.assert(
      fc.property(sequence, (actions) => {
        const clients = new Clients();
        for (const each of actions) clients.run(each);
        clients.settle();
        for (const id of ids) {
          const last = statesOf(clients.world.log, id).at(-1);
          if (!last) continue;
          const admitted: Producer[] = [];
          for (const producer of clients.producers[id] ?? []) {
            const partitions = [{ topic: "orders", partition: 9 }];
            clients.world.partitions("produce", id, producer, partitions, (error) => {
              if (error === "NONE") admitted.push(producer);
            });
          }
          expect(admitted.every((producer) => isSame(producer, last.producer))).toBe(true);
        }
      }),
    );
  });

  it("the broker may die at any time: the one that replays the log goes on in the same way", () => {
    fc.assert(
      fc.property(sequence, sequence, (before, after) => {
        const [alive, restarted] = [new Clients(), new Clients()];
        for (const clients of [alive, restarted]) {
          for (const each of before) clients.run(each);
          clients.settle();
        }
        restarted.world.restart();
        for (const clients of [alive, restarted]) {
          clients.world.events = [];
          for (const each of after) clients.run(each);
          clients.settle();
        }
        expect(restarted.world.events).toEqual(alive.world.events);
        expect(restarted.answers).toEqual(alive.answers);
        for (const id of ids) expect(restarted.world.describe(id)).toEqual(alive.world.describe(id));
      }),
    );
  });

  it("the broker may die with completions pending: their markers are asked for again, with the same epoch", () => {
    fc.assert(
      fc.property(sequence, (actions) => {
        const clients = new Clients();
        for (const each of actions) clients.run(each);
        const pending = [...clients.world.markers].sort((a, b) => a.producerId - b.producerId);
        clients.world.restart();
        const asked = [...clients.world.markers].sort((a, b) => a.producerId - b.producerId);
        expect(asked).toEqual(pending);
      }),
    );
  });
});
