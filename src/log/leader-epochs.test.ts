import { describe, expect, it } from "vitest";
import { LeaderEpochs } from "./leader-epochs.ts";

function epochsOf(...starts: readonly (readonly [leaderEpoch: number, startOffset: number])[]): LeaderEpochs {
  return new LeaderEpochs(starts.map(([leaderEpoch, startOffset]) => ({ leaderEpoch, startOffset })));
}

describe("assign", () => {
  it("notes where each epoch begins, and says whether it was new", () => {
    const epochs = epochsOf();
    expect([epochs.assign(0, 0), epochs.assign(0, 5), epochs.assign(2, 7)]).toEqual([true, false, true]);
    expect(epochs.encode()).toBe("0\n2\n0 0\n2 7\n");
  });

  it("an earlier epoch changes nothing", () => {
    const epochs = epochsOf([3, 0]);
    expect(epochs.assign(2, 5)).toBe(false);
    expect(epochs.assign(-1, 5)).toBe(false);
    expect(epochs.encode()).toBe("0\n1\n3 0\n");
  });

  it("an epoch that wrote nothing goes when the next one begins", () => {
    const epochs = epochsOf([0, 0], [1, 5]);
    epochs.assign(2, 5);
    expect(epochs.encode()).toBe("0\n2\n0 0\n2 5\n");
  });
});

it.each([
  [-1, undefined],
  [0, { leaderEpoch: 0, endOffset: 2 }],
  [1, { leaderEpoch: 1, endOffset: 5 }],
  [2, { leaderEpoch: 2, endOffset: 9 }],
  [3, { leaderEpoch: 2, endOffset: 9 }],
  [4, { leaderEpoch: 4, endOffset: 12 }],
  [5, undefined],
])("epoch %i ends at %j", (leaderEpoch, expected) => {
  expect(epochsOf([1, 2], [2, 5], [4, 9]).endOffsetFor(leaderEpoch, 12)).toEqual(expected);
});

it("knows nothing when it has no epochs", () => {
  expect(epochsOf().endOffsetFor(0, 12)).toBeUndefined();
});

it.each([
  [0, "0\n3\n1 2\n2 5\n4 9\n"],
  [3, "0\n3\n1 3\n2 5\n4 9\n"],
  [5, "0\n2\n2 5\n4 9\n"],
  [8, "0\n2\n2 8\n4 9\n"],
  [20, "0\n1\n4 20\n"],
])("a log that begins at %i forgets what ended before", (startOffset, expected) => {
  const epochs = epochsOf([1, 2], [2, 5], [4, 9]);
  epochs.truncateFromStart(startOffset);
  expect(epochs.encode()).toBe(expected);
});

it.each([
  [20, "0\n2\n1 2\n2 5\n"],
  [6, "0\n2\n1 2\n2 5\n"],
  [5, "0\n1\n1 2\n"],
  [0, "0\n0\n"],
])("a log that ends at %i forgets what began there or behind", (endOffset, expected) => {
  const epochs = epochsOf([1, 2], [2, 5]);
  epochs.truncateFromEnd(endOffset);
  expect(epochs.encode()).toBe(expected);
});

describe("the file", () => {
  it("brings everything back", () => {
    const text = epochsOf([1, 2], [2, 2 ** 40]).encode();
    expect(LeaderEpochs.decode(text)?.encode()).toBe(text);
    expect(LeaderEpochs.decode("0\n0\n")?.encode()).toBe("0\n0\n");
  });

  it.each([
    "",
    "0\n",
    "0\n1\n",
    "0\n1\n1 2",
    "1\n1\n1 2\n",
    "0\n2\n1 2\n",
    "0\n1\n1 x\n",
    "0\n1\n1 2\n3 4\n",
    "0\n2\n3 2\n2 4\n",
    "0\n2\n2 4\n3 2\n",
    "\0\0\0\0",
  ])("%j is none", (text) => {
    expect(LeaderEpochs.decode(text)).toBeUndefined();
  });
});
