import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deadline, DeadlineQueue } from "./deadlines.ts";

const indexes = fc.integer({ min: 0, max: 9 });
const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("set" as const), index: indexes, inMs: fc.nat({ max: 50 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const), index: indexes, inMs: fc.constant(0) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("wait" as const), index: fc.constant(0), inMs: fc.nat({ max: 20 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("set the clock" as const),
        index: fc.constant(0),
        inMs: fc.integer({ min: -50, max: 50 }),
      }),
    },
  ),
  { maxLength: 200 },
);

describe("deadlines", () => {
  it("become due as a plain list of times would have them, whatever they were before", () => {
    fc.assert(
      fc.property(commands, (script) => {
        const queue = new DeadlineQueue<number[]>();
        const deadlines = Array.from({ length: 10 }, (_, i) => new Deadline<number[]>((fired) => fired.push(i)));
        const expected = new Map<number, number>();
        let now = 0;
        for (const step of script) {
          const deadline = deadlines[step.index] as Deadline<number[]>;
          if (step.do === "set") {
            queue.set(deadline, now + step.inMs);
            expected.set(step.index, now + step.inMs);
          } else if (step.do === "clear") {
            queue.clear(deadline);
            expected.delete(step.index);
          } else if (step.do === "set the clock") {
            now += step.inMs;
            queue.clockMoved(step.inMs);
            for (const [index, at] of expected) expected.set(index, at + step.inMs);
          } else now += step.inMs;
          const fired: number[] = [];
          for (let due = queue.takeDue(now); due; due = queue.takeDue(now)) due.run(fired);
          const due = [...expected].filter(([, at]) => at <= now).map(([i]) => i);
          expect(fired.toSorted()).toEqual(due.toSorted());
          const times = fired.map((i) => expected.get(i) as number);
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          for (const i of due) expected.delete(i);
          // Never too late, and nothing is left when nothing is set.
          const earliest = Math.min(...expected.values());
          expect(queue.next ?? Infinity).toBeLessThanOrEqual(earliest);
          expect(queue.next === undefined).toBe(expected.size === 0);
        }
      }),
    );
  });

  it("come in the order of their times", () => {
    const queue = new DeadlineQueue<number[]>();
    for (const at of [5, 3, 9, 1, 7]) queue.set(new Deadline((fired) => fired.push(at)), at);
    const fired: number[] = [];
    for (let due = queue.takeDue(8); due; due = queue.takeDue(8)) due.run(fired);
    expect(fired).toEqual([1, 3, 5, 7]);
    expect(queue.next).toBe(9);
  });
});
