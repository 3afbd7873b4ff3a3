import { describe, expect, it } from "vitest";
import { TestTopics } from "../story.testing.ts";
import { configureTopology, statusCodes } from "./configure-topology.ts";
import { internalTopic, programs, subtopology } from "./story.testing.ts";
import type { Subtopology } from "./topology.ts";

/** "make words 4", what is wrong, or the tasks of each subtopology. */
function configure(subtopologies: readonly Subtopology[], topics: Readonly<Record<string, number>>): string[] {
  const catalog = new TestTopics();
  for (const [name, partitions] of Object.entries(topics)) catalog.set(name, partitions);
  const { taskCounts, missing, status } = configureTopology({ epoch: 0, subtopologies: [...subtopologies] }, catalog);
  if (taskCounts) return Array.from(taskCounts, ([id, count]) => `${id}: ${count} tasks`);
  if (status?.statusCode === statusCodes.missingInternalTopics) {
    return missing.map(({ name, partitions }) => `make ${name} ${partitions}`);
  }
  return [status?.statusDetail ?? "nothing"];
}

const { count = [] } = programs;

/** Reads t, u and the repartition topic r, which must have as many partitions as the others. */
function join(ofR: number): Subtopology[] {
  return [
    subtopology({ sourceTopics: ["s"], repartitionSinkTopics: ["r"] }),
    subtopology({
      subtopologyId: "1",
      sourceTopics: ["t", "u"],
      repartitionSourceTopics: [internalTopic("r", ofR)],
      copartitionGroups: [{ sourceTopics: [0, 1], sourceTopicRegex: [], repartitionSourceTopics: [0] }],
      stateChangelogTopics: [internalTopic("c")],
    }),
  ];
}

const chain = [
  subtopology({ subtopologyId: "2", repartitionSourceTopics: [internalTopic("y")], repartitionSinkTopics: ["z"] }),
  subtopology({ subtopologyId: "1", repartitionSourceTopics: [internalTopic("x")], repartitionSinkTopics: ["y"] }),
  subtopology({ subtopologyId: "0", sourceTopics: ["t", "u"], repartitionSinkTopics: ["x"] }),
];

/** When b is looked at, t is known and a is not; a is then, and is larger. */
const diamond = [
  subtopology({ subtopologyId: "0", repartitionSourceTopics: [internalTopic("b")] }),
  subtopology({
    subtopologyId: "1",
    sourceTopics: ["t"],
    repartitionSourceTopics: [internalTopic("a")],
    repartitionSinkTopics: ["b"],
  }),
  subtopology({ subtopologyId: "2", sourceTopics: ["u"], repartitionSinkTopics: ["a"] }),
];

const circle = [
  subtopology({ subtopologyId: "0", repartitionSourceTopics: [internalTopic("x")], repartitionSinkTopics: ["y"] }),
  subtopology({ subtopologyId: "1", repartitionSourceTopics: [internalTopic("y")], repartitionSinkTopics: ["x"] }),
];

/** A program of so many steps, told from its end. Each reads what the one before has written, and the first one t. */
function longChain(steps: number): Subtopology[] {
  const all = Array.from({ length: steps }, (_, i) =>
    subtopology({
      subtopologyId: String(i),
      ...(i === 0 ? { sourceTopics: ["t"] } : { repartitionSourceTopics: [internalTopic(`r${i}`)] }),
      repartitionSinkTopics: [`r${i + 1}`],
    }),
  );
  return all.toReversed();
}

describe("A topology and the topics", () => {
  it("of thousands of steps is made sense of at once", () => {
    const startedAt = performance.now();
    const made = configure(longChain(3_000), { t: 2 });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(made).toEqual(Array.from({ length: 2_999 }, (_, i) => `make r${2_999 - i} 2`));
  });

  it("with a topic that very many subtopologies read has no more tasks than can be divided", () => {
    const readers = (count: number): Subtopology[] =>
      Array.from({ length: count }, (_, i) => subtopology({ subtopologyId: String(i), sourceTopics: ["t"] }));
    expect(configure(readers(10), { t: 10_000 })).toHaveLength(10);
    expect(configure(readers(11), { t: 10_000 })).toEqual([
      "The topology has 110000 tasks: there may be 100000 at most",
    ]);
  });

  it("with very many topics that are read together", () => {
    const sourceTopics = Array.from({ length: 200_000 }, () => "t");
    const together = { sourceTopics: sourceTopics.map(() => 0), sourceTopicRegex: [], repartitionSourceTopics: [] };
    const reader = subtopology({ sourceTopics, copartitionGroups: [together] });
    expect(configure([reader], { t: 3 })).toEqual(["0: 3 tasks"]);
  });

  it.each<[string, readonly Subtopology[], Record<string, number>, string[]]>([
    ["no source topic", count, {}, ["Source topics t are missing."]],
    ["internal topics to be made", count, { t: 4 }, ["make words 4", "make counts 4"]],
    ["one of them", count, { t: 4, words: 4 }, ["make counts 4"]],
    ["all there", count, { t: 4, words: 4, counts: 4 }, ["0: 4 tasks", "1: 4 tasks"]],
    [
      "one too large",
      count,
      { t: 4, words: 4, counts: 5 },
      ["Existing topic counts has different number of partitions: expected 4, found 5"],
    ],
    ["through several, the largest", chain, { t: 2, u: 3 }, ["make y 3", "make x 3"]],
    ["in the order in which they are told, by what is known then", diamond, { t: 2, u: 3 }, ["make b 2", "make a 3"]],
    ["in a circle", circle, {}, ["Failed to compute number of partitions for repartition topics x, y"]],
    ["one that takes the size of others", join(0), { s: 9, t: 2, u: 2 }, ["make r 2", "make c 2"]],
    ["one with a size of its own", join(2), { s: 9, t: 2, u: 2 }, ["make r 2", "make c 2"]],
    [
      "one with another",
      join(3),
      { s: 9, t: 2, u: 2 },
      ["Following topics do not have the same number of partitions: [{r=3, t=2, u=2}]"],
    ],
    [
      "sources that do not fit",
      join(0),
      { s: 1, t: 2, u: 3 },
      ["Following topics do not have the same number of partitions: [{t=2, u=3}]"],
    ],
    [
      "a changelog that is a source",
      [subtopology({ sourceTopics: ["t"], stateChangelogTopics: [internalTopic("t")] })],
      { t: 3 },
      ["0: 3 tasks"],
    ],
  ])("%s", (_what, subtopologies, topics, expected) => {
    expect(configure(subtopologies, topics)).toEqual(expected);
  });
});
