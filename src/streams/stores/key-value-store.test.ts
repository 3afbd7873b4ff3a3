import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { serdes } from "../../client/index.ts";
import { CommittedView } from "./committed-view.ts";
import type { StoreEngine } from "./engine.ts";
import { KeyValueStore } from "./key-value-store.ts";
import { memoryEngines } from "./memory-engine.ts";

const at = (offset: number) => ({ offset, topicId: "topic", savedAt: 0 });

function open(): { engine: StoreEngine; store: KeyValueStore<string, number> } {
  const engine = memoryEngines.open("", "counts");
  return { engine, store: new KeyValueStore("counts", engine, serdes.string, serdes.int64) };
}

function flushed(store: KeyValueStore<string, number>): string[] {
  const changes: string[] = [];
  store.flush((key, value, timestamp) => {
    changes.push(`${Buffer.from(key)}=${value && serdes.int64.deserialize(value)}@${timestamp}`);
  });
  return changes;
}

describe("key-value store", () => {
  it("reads its own writes before they are committed", () => {
    const { store } = open();
    store.put("a", 1, 10);
    expect(store.get("a")).toBe(1);
    expect(store.timestampOf("a")).toBe(10);
    store.delete("a", 11);
    expect(store.get("a")).toBeUndefined();
    expect(store.timestampOf("a")).toBeUndefined();
  });

  it("hands out each changed key once, with its last value", () => {
    const { store } = open();
    for (let count = 1; count <= 3; count++) store.put("a", count, count);
    store.put("b", 1, 1);
    store.delete("b", 2);
    expect(flushed(store)).toEqual(["a=3@3", "b=null@2"]);
    expect(flushed(store)).toEqual([]);
  });

  it("tells each change with the value of the last commit and the new one", () => {
    const { store } = open();
    const changes: unknown[] = [];
    store.onChange = (key, change, timestamp) => changes.push([key, change.oldValue, change.newValue, timestamp]);
    store.put("a", 1, 1);
    flushed(store);
    store.commit(at(1));
    store.put("a", 2, 2);
    store.put("a", 3, 3);
    flushed(store);
    store.commit(at(2));
    store.delete("a", 4);
    flushed(store);
    expect(changes).toEqual([
      ["a", null, 1, 1],
      ["a", 1, 3, 3],
      ["a", 3, null, 4],
    ]);
  });

  it("flushes what a listener writes in the same go", () => {
    const { store } = open();
    store.onChange = (key, _change, timestamp) => {
      if (key === "a") store.put("b", 9, timestamp);
    };
    store.put("a", 1, 1);
    expect(flushed(store)).toEqual(["a=1@1", "b=9@1"]);
  });

  it("reaches the engine at commit, all at once", () => {
    const { store, engine } = open();
    const view = new CommittedView(() => [engine], serdes.string, serdes.int64);
    store.put("a", 1, 1);
    flushed(store);
    expect(view.get("a")).toBeUndefined();
    store.commit(at(1));
    expect(view.get("a")).toBe(1);
    expect([...view.all()]).toEqual([["a", 1]]);
    expect(engine.position()).toEqual(at(1));
  });

  it("keeps values apart from the objects that they were made of", () => {
    const engine = memoryEngines.open("", "lists");
    const store = new KeyValueStore("lists", engine, serdes.string, serdes.json<number[]>());
    const list = [1];
    store.put("a", list, 1);
    list.push(2);
    expect(store.get("a")).toEqual([1]);
  });

  it("keeps no more of what is committed than it may", () => {
    const engine = memoryEngines.open("", "values");
    const get = vi.spyOn(engine, "get");
    let mayKeepBytes = 1_000_000;
    const store = new KeyValueStore("values", engine, serdes.string, serdes.string, () => mayKeepBytes);
    /** How many values it had to ask the engine for. */
    const write = (from: number, to: number, sizeBytes: number): number => {
      get.mockClear();
      for (let i = from; i < to; i++) store.put(`${i}`, "x".repeat(sizeBytes), 1);
      store.flush(() => {});
      store.commit(at(1));
      return get.mock.calls.length;
    };
    write(0, 100, 1_000);
    expect(write(0, 100, 1_000)).toBe(0);
    // What has grown counts too, and goes once others take its place.
    expect(write(0, 100, 9_000)).toBe(0);
    write(100, 200, 9_000);
    expect(write(0, 100, 10)).toBe(100);
    mayKeepBytes = 0;
    write(0, 100, 10);
    expect(write(0, 100, 10)).toBe(100);
  });

  it("says how much memory the uncommitted changes take: more than their bytes, and all of what values grow to", () => {
    const store = new KeyValueStore("values", memoryEngines.open("", "values"), serdes.string, serdes.string);
    for (let i = 0; i < 100; i++) store.put(`${i}`, "", 1);
    expect(store.uncommittedBytes).toBeGreaterThan(100 * 300);
    store.put("grows", "", 1);
    const before = store.uncommittedBytes;
    store.put("grows", "x".repeat(5_000), 1);
    expect(store.uncommittedBytes - before).toBe(5_000);
    store.flush(() => {});
    store.commit(at(1));
    expect(store.uncommittedBytes).toBe(0);
  });

  it("property: ranges show uncommitted changes over committed ones, as a sorted map would", () => {
    const key = fc.string({ maxLength: 2, unit: fc.constantFrom("a", "b", "c") });
    const step = fc.oneof(
      fc.record({ key, value: fc.nat(100) }),
      fc.record({ key, value: fc.constant(null) }),
      fc.constantFrom("flush" as const, "commit" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), key, key, (steps, from, to) => {
        const { store } = open();
        const model = new Map<string, number>();
        steps.forEach((each, index) => {
          if (each === "flush" || each === "commit") {
            flushed(store);
            if (each === "commit") store.commit(at(index));
          } else if (each.value === null) {
            store.delete(each.key, index);
            model.delete(each.key);
          } else {
            store.put(each.key, each.value, index);
            model.set(each.key, each.value);
          }
        });
        const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        expect([...store.all()]).toEqual(sorted);
        expect([...store.range(from, to)]).toEqual(sorted.filter(([each]) => each >= from && each < to));
      }),
    );
  });
});
