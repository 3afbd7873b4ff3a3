import * as fc from "fast-check";
import { expect, it } from "vitest";
import { serdes } from "../../client/index.ts";
import { CommittedView } from "./committed-view.ts";
import { memoryEngines } from "./memory-engine.ts";
import { encodeStored } from "./stored-value.ts";

it("property: the engines of several partitions are one store, in key order", () => {
  const key = fc.string({ maxLength: 2, unit: fc.constantFrom("a", "b", "c") });
  // Each key is in one of them.
  const partitionOf = fc.dictionary(key, fc.nat(3), { noNullPrototype: true });
  fc.assert(
    fc.property(partitionOf, key, key, (rows, from, to) => {
      const engines = Array.from({ length: 4 }, () => memoryEngines.open("", "store"));
      engines.forEach((engine, number) => {
        const own = Object.entries(rows).filter(([, partition]) => partition === number);
        const changes = own.map(([name]) => ({
          key: serdes.string.serialize(name),
          value: encodeStored(serdes.int32.serialize(number), 1),
        }));
        engine.commit(changes, { offset: 1, topicId: "topic", savedAt: 1 });
      });
      const view = new CommittedView(() => engines, serdes.string, serdes.int32);
      const sorted = Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1));
      expect([...view.all()]).toEqual(sorted);
      expect([...view.range(from, to)]).toEqual(sorted.filter(([each]) => each >= from && each < to));
      for (const [name, partition] of sorted) expect(view.get(name)).toBe(partition);
      expect(view.get("nowhere")).toBeUndefined();
    }),
  );
});
