import { describe, expect, it } from "vitest";
import { serdes } from "../../client/index.ts";
import { StreamsBuilder } from "../dsl/streams-builder.ts";

const text = { key: serdes.string, value: serdes.string };

describe("topology", () => {
  it("word count: two subtopologies, joined by a repartition topic", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("lines", text)
      .flatMapValues((line) => line.split(" "))
      .groupBy((word) => word, text)
      .count({ store: "counts" })
      .toStream()
      .to("word-counts");
    expect(builder.build().describe()).toBe(
      `Topologies:
   Sub-topology: 0
    Source: source-0 (topics: [lines])
      --> flat-map-values-1
    Processor: flat-map-values-1 (stores: [])
      --> select-key-2
      <-- source-0
    Processor: select-key-2 (stores: [])
      --> counts-repartition-sink
      <-- flat-map-values-1
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- select-key-2
   Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> counts
    Processor: counts (stores: [counts])
      --> to-stream-6
      <-- counts-repartition-source
    Processor: to-stream-6 (stores: [])
      --> sink-7
      <-- counts
    Sink: sink-7 (topic: word-counts)
      <-- to-stream-6
`,
    );
  });

  it("merged streams are one subtopology, streams that never meet are two", () => {
    const builder = new StreamsBuilder();
    const a = builder.stream("a", text);
    builder.stream("b", text).to("b-copy");
    builder.stream("c", text).merge(a).to("ac");
    const subtopologies = builder.build().subtopologies;
    expect(subtopologies.map(({ id, sourceTopics }) => [id, sourceTopics])).toEqual([
      [0, ["a", "c"]],
      [1, ["b"]],
    ]);
  });

  it("its inputs come in the order in which the data goes through them, whatever was written down first", () => {
    const builder = new StreamsBuilder();
    builder.stream("last", text).to("end");
    const b = builder.stream("b", text);
    const a = builder.stream("a", text);
    const twice = a.repartition({ name: "once" }).repartition({ name: "twice" });
    b.merge(twice).to("last");
    twice.to("a");
    expect(builder.build().inputTopics).toEqual(["b", "a", "once-repartition", "twice-repartition", "last"]);
  });

  it("its inputs come in an order though many ways lead through it", () => {
    const builder = new StreamsBuilder();
    let stream = builder.stream("a", text);
    for (let i = 0; i < 100; i++) stream = stream.filter(() => true).merge(stream);
    stream.repartition({ name: "once" }).to("end");
    expect(builder.build().inputTopics).toEqual(["a", "once-repartition"]);
  });

  it.each<[string, (builder: StreamsBuilder) => void, string]>([
    ["nothing is read", () => {}, "reads no topic"],
    ["a topic is read twice", (b) => [b.stream("a"), b.stream("a")], "topic a is read twice"],
    [
      "a serde is missing",
      (b) =>
        b
          .stream("a", text)
          .mapValues(() => 1)
          .to("b"),
      "how is the value written?",
    ],
    [
      "a store's name is taken",
      (b) => {
        b.stream("a", text).groupByKey().count({ store: "s" });
        b.stream("b", text).groupByKey().count({ store: "s" });
      },
      "the name s is taken",
    ],
    [
      "a node's name is taken",
      (b) => b.stream("a", { ...text, name: "n" }).filter(() => true, { name: "n" }),
      "the name n is taken",
    ],
    ["a name is illegal", (b) => b.stream("a/b"), '"a/b" cannot be the name of a topic'],
    ["a branch is called rest", (b) => b.stream("a", text).split({ rest: () => true }), "cannot be called"],
    ["builders are mixed", (b) => b.stream("a", text).merge(new StreamsBuilder().stream("b", text)), "same builder"],
  ])("refuses at once when %s", (_name, define, message) => {
    expect(() => {
      const builder = new StreamsBuilder();
      define(builder);
      builder.build();
    }).toThrow(message);
  });
});
