import { describe, expect, it } from "vitest";
import { serdes } from "../../client/index.ts";
import { StreamsBuilder } from "../dsl/streams-builder.ts";
import { internalTopics, taskIds } from "./topic-plan.ts";

const text = { key: serdes.string, value: serdes.string };

describe("topic plan", () => {
  const builder = new StreamsBuilder();
  const merged = builder.stream("small", text).merge(builder.stream("large", text));
  merged
    .groupBy((value) => value, text)
    .count({ store: "counts" })
    .toStream()
    .groupBy((count) => String(count), { key: serdes.string })
    .count({ store: "per-count" });
  merged.repartition({ name: "wide", partitions: 12 }).groupByKey().count({ store: "wide-counts" });
  const topology = builder.build();
  const inputs = new Map([
    ["small", 2],
    ["large", 5],
  ]);

  it("repartition topics are as wide as what feeds them, unless they are told; changelogs as what they follow", () => {
    const topics = internalTopics(topology, "app", (topic) => inputs.get(topic) ?? 0);
    expect(topics.map(({ topic, partitions }) => `${topic}:${partitions}`)).toEqual([
      "app-counts-repartition:5",
      "app-per-count-repartition:5",
      "app-wide-repartition:12",
      "app-counts-changelog:5",
      "app-per-count-changelog:5",
      "app-wide-counts-changelog:12",
    ]);
  });

  it("a task for each partition of a subtopology's largest input", () => {
    const all = new Map([
      ...inputs,
      ["app-counts-repartition", 5],
      ["app-per-count-repartition", 5],
      ["app-wide-repartition", 12],
    ]);
    const ids = taskIds(topology, "app", (topic) => all.get(topic) ?? 0);
    const perSubtopology = Map.groupBy(ids, ({ subtopology }) => subtopology);
    expect([...perSubtopology.values()].map(({ length }) => length)).toEqual([5, 5, 5, 12]);
  });

  it("a stream is merged with what is made of it, on a way through two topics", () => {
    const looped = new StreamsBuilder();
    const stream = looped.stream("small", text);
    const again = stream
      .repartition({ name: "once" })
      .merge(looped.stream("large", text))
      .repartition({ name: "twice" });
    stream.merge(again).groupByKey().count({ store: "all" });
    const topics = internalTopics(looped.build(), "app", (topic) => inputs.get(topic) ?? 0);
    expect(topics.map(({ topic, partitions }) => `${topic}:${partitions}`)).toEqual([
      "app-once-repartition:5",
      "app-twice-repartition:5",
      "app-all-changelog:5",
    ]);
  });

  it("an input that does not exist is named, whether a topic of the application's own depends on it or not", () => {
    expect(() => internalTopics(topology, "app", (topic) => (topic === "small" ? 1 : 0))).toThrow("topic large");
    const stateless = new StreamsBuilder();
    stateless.stream("small", text).to("copy");
    expect(() => internalTopics(stateless.build(), "app", () => 0)).toThrow("topic small");
  });
});
