import { describe, expect, it } from "vitest";
import { serdes } from "../client/index.ts";
import type { KStream } from "./dsl/kstream.ts";
import { StreamsBuilder } from "./dsl/streams-builder.ts";
import { nullable } from "./serde.ts";
import { TopologyTestDriver } from "./test-driver.ts";

const text = { key: serdes.string, value: serdes.string };
const counts = { key: serdes.string, value: serdes.int64 };

/** Runs one stream from "in" to "out" and gives "key:value" of what comes out. */
function run(
  define: (stream: KStream<string, string>) => KStream<string, string>,
  inputs: readonly (readonly [string, string])[],
): string[] {
  const builder = new StreamsBuilder();
  define(builder.stream("in", text)).to("out", { key: serdes.string, value: serdes.string });
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.input("in", text);
  for (const [key, value] of inputs) input.pipe({ key, value });
  return driver
    .output("out", text)
    .readAll()
    .map(({ key, value }) => `${key}:${value}`);
}

describe("stateless operations", () => {
  const inputs = [
    ["a", "1"],
    ["b", "22"],
    ["a", "333"],
  ] as const;

  it.each<[string, (stream: KStream<string, string>) => KStream<string, string>, string[]]>([
    ["map", (s) => s.map((value, key) => [value, key], text), ["1:a", "22:b", "333:a"]],
    ["mapValues", (s) => s.mapValues((value, key) => `${key}${value}`, text), ["a:a1", "b:b22", "a:a333"]],
    [
      "flatMap",
      (s) =>
        s.flatMap(
          (v, k) => [
            [v, k],
            [k, v],
          ],
          text,
        ),
      ["1:a", "a:1", "22:b", "b:22", "333:a", "a:333"],
    ],
    ["flatMapValues", (s) => s.flatMapValues((value) => value, text), ["a:1", "b:2", "b:2", "a:3", "a:3", "a:3"]],
    ["filter", (s) => s.filter((_value, key) => key === "a"), ["a:1", "a:333"]],
    ["filterNot", (s) => s.filterNot((_value, key) => key === "a"), ["b:22"]],
    ["selectKey", (s) => s.selectKey((value) => `k${value}`, text), ["k1:1", "k22:22", "k333:333"]],
    ["merge", (s) => s.merge(s.mapValues(() => "m", text)), ["a:m", "a:1", "b:m", "b:22", "a:m", "a:333"]],
    ["repartition", (s) => s.repartition({ name: "again" }), ["a:1", "b:22", "a:333"]],
  ])("%s", (_name, define, expected) => {
    expect(run(define, inputs)).toEqual(expected);
  });

  it("filter with a type guard narrows the type", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", { value: nullable(serdes.string) })
      .filter((value) => value !== null)
      .mapValues((value) => value.length, { value: serdes.int64 })
      .to("out");
    const driver = new TopologyTestDriver(builder.build());
    driver.input("in", { value: nullable(serdes.string) }).pipe({ value: null });
    driver.input("in", { value: nullable(serdes.string) }).pipe({ value: "four" });
    const out = driver.output("out", { value: serdes.int64 });
    expect(out.readAll().map(({ value }) => value)).toEqual([4]);
  });

  it("split sends each record to the first branch that takes it", () => {
    const builder = new StreamsBuilder();
    const { short, even, rest } = builder.stream("in", text).split({
      short: (value) => value.length < 3,
      even: (value) => value.length % 2 === 0,
    });
    short.to("short");
    even.to("even");
    rest.to("rest");
    const driver = new TopologyTestDriver(builder.build());
    for (const value of ["aa", "aaaa", "aaa"]) driver.input("in", text).pipe({ key: "k", value });
    const read = (topic: string) =>
      driver
        .output(topic, text)
        .readAll()
        .map(({ value }) => value);
    expect([read("short"), read("even"), read("rest")]).toEqual([["aa"], ["aaaa"], ["aaa"]]);
  });

  it("merge gives the records of both, of the same stream too", () => {
    expect(run((stream) => stream.merge(stream), [["k", "v"]])).toEqual(["k:v", "k:v"]);
    const twice = run((stream) => stream.filter(() => true).merge(stream.mapValues((v) => v, text)), [["k", "v"]]);
    expect(twice).toEqual(["k:v", "k:v"]);
  });

  it("peek and forEach see every record; headers and timestamps travel along", () => {
    const seen: string[] = [];
    const builder = new StreamsBuilder();
    const stream = builder.stream("in", text).peek((value) => seen.push(value));
    stream.forEach((_value, key) => {
      seen.push(key);
    });
    stream.mapValues((value) => value, text).to("out");
    const driver = new TopologyTestDriver(builder.build(), { startTime: 5 });
    const headers = [{ key: "h", value: Buffer.from("v") }];
    driver.input("in", text).pipe({ key: "k", value: "v", headers });
    driver.advanceTime(10);
    driver.input("in", text).pipe({ key: "k", value: "v" });
    expect(seen).toEqual(["v", "k", "v", "k"]);
    expect(driver.output("out", text).readAll()).toMatchObject([
      { timestamp: 5, headers },
      { timestamp: 15, headers: [] },
    ]);
  });
});

describe("aggregates", () => {
  function wordCount(): TopologyTestDriver {
    const builder = new StreamsBuilder();
    builder
      .stream("lines", { value: serdes.string })
      .flatMapValues((line) => line.split(" "))
      .groupBy((word) => word, text)
      .count({ store: "counts" })
      .toStream()
      .to("word-counts");
    return new TopologyTestDriver(builder.build());
  }

  it("count: words, through a repartition topic", () => {
    const driver = wordCount();
    driver.input("lines", { value: serdes.string }).pipe({ value: "to be or not to be", timestamp: 7 });
    driver.input("lines", { value: serdes.string }).pipe({ value: "be", timestamp: 3 });
    const out = driver.output("word-counts", counts).readAll();
    expect(out.map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`)).toEqual([
      "to=1@7",
      "be=1@7",
      "or=1@7",
      "not=1@7",
      "to=2@7",
      "be=2@7",
      // The row's time does not go back with a late record.
      "be=3@7",
    ]);
    const store = driver.store<string, number>("counts");
    expect(store.get("be")).toBe(3);
    expect([...store.range("n", "t")]).toEqual([
      ["not", 1],
      ["or", 1],
    ]);
  });

  it("reduce and aggregate, by the key as it is", () => {
    const builder = new StreamsBuilder();
    const grouped = builder.stream("in", text).groupByKey();
    grouped.reduce((joined, value) => joined + value, { store: "joined" });
    grouped.aggregate(
      () => 10,
      (sum, value, key) => sum + value.length + key.length,
      { value: serdes.int64, store: "sums" },
    );
    const topology = builder.build();
    expect(topology.repartitions).toEqual([]);
    const driver = new TopologyTestDriver(topology);
    for (const value of ["ab", "c"]) driver.input("in", text).pipe({ key: "k", value });
    expect(driver.store<string, string>("joined").get("k")).toBe("abc");
    expect(driver.store<string, number>("sums").get("k")).toBe(15);
  });

  it("no aggregate takes a null for a value", () => {
    const builder = new StreamsBuilder();
    const values = nullable(serdes.string);
    const grouped = builder.stream("in", { key: serdes.string, value: values }).groupByKey();
    grouped.count({ store: "count" });
    grouped.reduce((joined, value) => `${joined}${value}`, { store: "joined" });
    grouped.aggregate(
      () => "",
      (joined, value) => `${joined}${value}`,
      { store: "folded", value: serdes.string },
    );
    const driver = new TopologyTestDriver(builder.build());
    const input = driver.input("in", { key: serdes.string, value: values });
    for (const value of [null, "a", null, "b"]) input.pipe({ key: "k", value });
    input.pipe({ key: "other", value: null });
    const rows = ["count", "joined", "folded"].map((store) => [...driver.store<string, unknown>(store).all()]);
    expect(rows).toEqual([[["k", 2]], [["k", "ab"]], [["k", "ab"]]]);
  });

  it("a named grouping shares its repartition topic; unnamed ones have one each", () => {
    const builder = new StreamsBuilder();
    const stream = builder.stream("in", text);
    const shared = stream.groupBy((value) => value, { key: serdes.string, name: "by-value" });
    shared.count({ store: "a" });
    shared.count({ store: "b" });
    const separate = stream.groupBy((value) => value, { key: serdes.string });
    separate.count({ store: "c" });
    separate.count({ store: "d" });
    const topics = builder.build().repartitions.map(({ topic }) => topic);
    expect(topics).toEqual(["by-value-repartition", "c-repartition", "d-repartition"]);
  });

  it("a table's filter takes rows out that no longer match, and is silent about those that never did", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", text)
      .groupByKey()
      .count({ store: "counts" })
      .filter((count) => count % 2 === 0)
      .mapValues((count) => `${count}!`, { value: serdes.string })
      .toStream()
      .to("out");
    const driver = new TopologyTestDriver(builder.build());
    for (let i = 0; i < 4; i++) driver.input("in", text).pipe({ key: "k", value: "" });
    const out = driver.output("out", { key: serdes.string, value: nullable(serdes.string) });
    expect(out.readAll().map(({ value }) => value)).toEqual(["2!", null, "4!"]);
  });

  it("one aggregate feeds the next", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", text)
      .groupByKey()
      .count({ store: "per-key" })
      .toStream()
      .groupBy((count) => String(count), { key: serdes.string })
      .count({ store: "per-count" });
    const driver = new TopologyTestDriver(builder.build());
    for (const key of ["a", "b", "a"]) driver.input("in", text).pipe({ key, value: "" });
    expect([...driver.store<string, number>("per-count").all()]).toEqual([
      ["1", 2],
      ["2", 1],
    ]);
  });
});

describe("a topic or a serde that is not there", () => {
  const builder = new StreamsBuilder();
  builder.stream("in", text).repartition({ name: "again" }).to("out");
  const driver = new TopologyTestDriver(builder.build());

  it.each<[string, () => unknown, string]>([
    ["an input that nothing reads", () => driver.input("out", text), "the topology does not read out"],
    ["an output that nothing writes", () => driver.output("typo", text), "the topology does not write typo"],
    [
      "a key without a serde",
      () => driver.input("in", { value: serdes.string }).pipe({ key: "a", value: "b" } as never),
      "in: a key needs a serde",
    ],
  ])("%s is refused by name", (_what, act, message) => {
    expect(act).toThrow(expect.objectContaining({ name: "StreamsError", code: "INVALID_ARGUMENT", message }));
  });

  it("the topology's own topics are outputs too", () => {
    driver.input("in", text).pipe({ key: "a", value: "b" });
    for (const topic of ["again-repartition", "out"]) expect(driver.output(topic, text).readAll()).toHaveLength(1);
  });
});

describe("errors", () => {
  const failing = (): StreamsBuilder => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", { key: serdes.string, value: serdes.int64 })
      .mapValues(
        (value) => {
          if (value === 13) throw new Error("unlucky");
          return value;
        },
        { value: serdes.int64 },
      )
      .to("out");
    return builder;
  };
  const raw = { key: serdes.string, value: nullable(serdes.bytes) };

  it("a poison record fails with its coordinates", () => {
    const driver = new TopologyTestDriver(failing().build());
    const poison = { key: "k", value: Buffer.from("not eight bytes long") };
    expect(() => driver.input("in", raw).pipe(poison)).toThrow(
      "in-0, offset 0: the record cannot be read: int64 takes 8",
    );
  });

  it("null, where the serde takes none, fails too", () => {
    const driver = new TopologyTestDriver(failing().build());
    expect(() => driver.input("in", raw).pipe({ key: "k", value: null })).toThrow(/offset 0.*nullable\(\)/);
  });

  it("a function that throws fails with the record's coordinates", () => {
    const driver = new TopologyTestDriver(failing().build());
    driver.input("in", counts).pipe({ key: "k", value: 1 });
    expect(() => driver.input("in", counts).pipe({ key: "k", value: 13 })).toThrow(
      "in-0, offset 1: processing failed: unlucky",
    );
  });

  it("handlers may go on without the record", () => {
    const told: string[] = [];
    const driver = new TopologyTestDriver(failing().build(), {
      onDeserializationError: (error, record) => {
        told.push(`${record.offset} ${error.name}`);
        return "continue";
      },
      onProcessingError: (error, source) => {
        told.push(`${"record" in source && source.record.offset} ${error.message}`);
        return "continue";
      },
    });
    driver.input("in", raw).pipe({ key: "k", value: null });
    driver.input("in", counts).pipe({ key: "k", value: 13 });
    driver.input("in", counts).pipe({ key: "k", value: 14 });
    expect(told).toEqual(["0 TypeError", "1 unlucky"]);
    expect(
      driver
        .output("out", counts)
        .readAll()
        .map(({ value }) => value),
    ).toEqual([14]);
  });

  it("a record without a time is one that cannot be read: none could be made of it", () => {
    const driver = new TopologyTestDriver(failing().build());
    expect(() => driver.input("in", counts).pipe({ key: "k", value: 1, timestamp: -1 })).toThrow(
      "in-0, offset 0: the record cannot be read: it has no time",
    );
  });

  it("a change of a table is not lost because the row before it could not be handled", () => {
    const builder = new StreamsBuilder();
    const refuse = (count: number): number => {
      if (count === 2) throw new Error("two");
      return count;
    };
    const table = builder.stream("in", text).groupByKey().count({ store: "counts" });
    table.mapValues(refuse, { value: serdes.int64 }).toStream().to("mapped");
    const dropped: string[] = [];
    const driver = new TopologyTestDriver(builder.build(), {
      onProcessingError(error) {
        dropped.push(error.message);
        return "continue";
      },
    });
    for (let i = 0; i < 3; i++) driver.input("in", text).pipe({ key: "k", value: "" });
    const mapped = driver.output("mapped", counts).readAll();
    expect(mapped.map(({ value }) => value)).toEqual([1, 3]);
    expect(dropped).toEqual(["two"]);
  });

  it("what fails behind a store names the store", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", text)
      .groupByKey()
      .count({ store: "counts" })
      .toStream()
      .forEach(() => {
        throw new Error("no");
      });
    const driver = new TopologyTestDriver(builder.build());
    expect(() => driver.input("in", text).pipe({ key: "k", value: "" })).toThrow(
      "a change of store counts: processing",
    );
  });

  it("a record without a key cannot be grouped", () => {
    const builder = new StreamsBuilder();
    builder.stream("in").groupByKey().count();
    const driver = new TopologyTestDriver(builder.build());
    expect(() => driver.input("in", { value: serdes.string }).pipe({ value: "" })).toThrow(/without a key/);
  });
});
