import { beforeEach, describe, expect, it } from "vitest";
import { MAX_OPEN_BATCHES, PartitionSequences, type ProducerIdentity, type Sequenced } from "./sequences.ts";

const identity: ProducerIdentity = { producerId: 1, producerEpoch: 0 };
const bumped: ProducerIdentity = { producerId: 1, producerEpoch: 1 };

interface Batch extends Sequenced {
  readonly name: string;
}

let sequences: PartitionSequences<Batch>;

beforeEach(() => {
  sequences = new PartitionSequences();
  // The broker has something of the producer: five batches may be open.
  const known = batch("known", 1);
  sequences.number(known, identity);
  sequences.acknowledged(known);
});

function batch(name: string, recordCount: number): Batch {
  return { name, recordCount, identity: undefined, baseSequence: -1, isInDoubt: false };
}

/** Batches of ten records each. */
function send(...names: string[]): Batch[] {
  return names.map((name) => {
    const sent = batch(name, 10);
    sequences.number(sent, identity);
    return sent;
  });
}

function open(): string {
  return sequences.open.map(({ name, baseSequence }) => `${name}@${baseSequence}`).join(" ");
}

describe("the numbers of a partition's batches", () => {
  it("follow each other, and wrap behind 2^31 - 1", () => {
    send("a", "b");
    expect(open()).toBe("a@1 b@11");
    const large = batch("large", 2 ** 31 - 21 - 5);
    sequences.number(large, identity);
    const last = batch("last", 10);
    sequences.number(last, identity);
    expect(last.baseSequence).toBe(2 ** 31 - 5);
    const wrapped = batch("wrapped", 1);
    sequences.number(wrapped, identity);
    expect(wrapped.baseSequence).toBe(5);
  });

  it("are given to five open batches at most, and to one while the broker has none of the producer", () => {
    send("a", "b", "c", "d", "e");
    expect(sequences.open).toHaveLength(MAX_OPEN_BATCHES);
    expect(sequences.mayNumber(identity)).toBe(false);
    const fresh = new PartitionSequences<Batch>();
    const first = batch("first", 3);
    fresh.number(first, identity);
    expect(fresh.mayNumber(identity)).toBe(false);
    fresh.acknowledged(first);
    fresh.number(batch("second", 3), identity);
    expect(fresh.mayNumber(identity)).toBe(true);
  });

  it("are kept by a batch until its fate is known; only the first may be sent again", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    expect(sequences.isFirst(a)).toBe(true);
    expect(sequences.isFirst(b)).toBe(false);
    sequences.acknowledged(a);
    expect(sequences.isFirst(b)).toBe(true);
    expect(open()).toBe("b@11");
  });

  it("of a refused batch are given again when none was numbered behind it", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.refused(b);
    expect(sequences.needsRestart).toBe(false);
    send("c");
    expect(open()).toBe("a@1 c@11");
    sequences.refused(a);
    expect(sequences.needsRestart).toBe(true);
    expect(sequences.mayNumber(identity)).toBe(false);
  });

  it("start again under a new epoch behind a gap, in the same order", () => {
    const [a, b, c] = send("a", "b", "c") as [Batch, Batch, Batch];
    sequences.refused(a);
    expect(sequences.hasUsed(identity)).toBe(true);
    expect(sequences.hasUsed(bumped)).toBe(false);
    sequences.restart(bumped);
    expect(open()).toBe("b@0 c@10");
    expect([b.identity, c.identity]).toEqual([bumped, bumped]);
    expect(sequences.needsRestart).toBe(false);
    sequences.number(batch("d", 1), bumped);
    expect(open()).toBe("b@0 c@10 d@20");
  });

  it("start again where the broker has forgotten the producer, with one batch at a time", () => {
    const [a] = send("a", "b") as [Batch, Batch];
    sequences.foundGap(a);
    expect(sequences.needsRestart).toBe(true);
    sequences.restart(bumped);
    expect(open()).toBe("a@0 b@10");
    for (const each of [...sequences.open]) sequences.refused(each);
    sequences.restart({ producerId: 1, producerEpoch: 2 });
    expect(sequences.mayNumber(bumped)).toBe(true);
  });

  it("are kept behind a gap by those before it that may be in the log, until these are settled", () => {
    const [a, b] = send("a", "b", "c") as [Batch, Batch];
    a.isInDoubt = true;
    sequences.refused(b);
    expect(sequences.needsRestart).toBe(false);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(a);
    expect(sequences.needsRestart).toBe(true);
    sequences.restart(bumped);
    expect(open()).toBe("c@0");
  });

  it("change to a new identity once all of the old are settled", () => {
    const [a] = send("a") as [Batch];
    expect(sequences.mayNumber(bumped)).toBe(false);
    sequences.acknowledged(a);
    sequences.number(batch("b", 1), bumped);
    expect(open()).toBe("b@0");
  });

  it("put the parts of a batch in its place, under its numbers", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.split(a, [batch("a1", 6), batch("a2", 4)]);
    expect(open()).toBe("a1@1 a2@7 b@11");
    sequences.split(b, [batch("b1", 5), batch("b2", 5)]);
    send("c");
    expect(open()).toBe("a1@1 a2@7 b1@11 b2@16 c@21");
  });
});

describe("a batch that others have overtaken", () => {
  it("is settled before anything is numbered behind them: the broker remembers five", () => {
    const [a, b, c, d] = send("a", "b", "c", "d") as [Batch, Batch, Batch, Batch];
    sequences.acknowledged(c);
    expect([a, b, d].map((each) => sequences.isOvertaken(each))).toEqual([true, true, false]);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(a);
    sequences.acknowledged(d);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(b);
    expect(sequences.mayNumber(identity)).toBe(true);
  });

  it("keeps its numbers behind a gap", () => {
    const [a, b, c] = send("a", "b", "c", "d") as [Batch, Batch, Batch];
    sequences.acknowledged(b);
    sequences.refused(c);
    expect(sequences.needsRestart).toBe(false);
    sequences.givenUp(a);
    expect(sequences.needsRestart).toBe(true);
  });

  it("counts with all its parts when it was split", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.acknowledged(b);
    const [a1, a2] = [batch("a1", 5), batch("a2", 5)];
    sequences.split(a, [a1, a2]);
    sequences.acknowledged(a1);
    expect(sequences.isOvertaken(a2)).toBe(true);
    sequences.acknowledged(a2);
    expect(sequences.mayNumber(identity)).toBe(true);
  });
});

describe("a batch that was given up, with its fate unknown,", () => {
  it("lets no other be numbered until it is known", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.givenUp(a);
    expect(sequences.mayNumber(identity)).toBe(false);
    expect(sequences.isLost).toBe(false);
    // The broker takes batches in order only: with b, a is in the log.
    sequences.acknowledged(b);
    expect(sequences.mayNumber(identity)).toBe(true);
    expect(sequences.needsRestart).toBe(false);
  });

  it("is not vouched for by one before it", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.givenUp(b);
    sequences.acknowledged(a);
    expect(sequences.isLost).toBe(true);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.restart(bumped);
    expect(sequences.isLost).toBe(false);
    expect(sequences.mayNumber(bumped)).toBe(true);
  });

  it("between others is vouched for by the one behind it only", () => {
    const [a, b, c] = send("a", "b", "c") as [Batch, Batch, Batch];
    sequences.givenUp(b);
    sequences.acknowledged(a);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(c);
    expect(sequences.mayNumber(identity)).toBe(true);
  });

  it("is the last of several that were: the one behind the last vouches for all", () => {
    const [a, b, c, d] = send("a", "b", "c", "d") as [Batch, Batch, Batch, Batch];
    sequences.givenUp(c);
    sequences.givenUp(a);
    sequences.acknowledged(b);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(d);
    expect(sequences.mayNumber(identity)).toBe(true);
  });

  it("leaves a gap behind which the broker takes nothing: all starts again", () => {
    const [a, b] = send("a", "b") as [Batch, Batch];
    sequences.givenUp(a);
    expect(sequences.isFirst(b)).toBe(true);
    b.isInDoubt = true;
    sequences.foundGap(b);
    expect(sequences.needsRestart).toBe(true);
    sequences.restart(bumped);
    expect(open()).toBe("b@0");
    expect(sequences.mayNumber(bumped)).toBe(false);
    sequences.acknowledged(b);
    expect(sequences.mayNumber(bumped)).toBe(true);
  });

  it("counts the parts of a batch before it that was split", () => {
    const [a, b, c] = send("a", "b", "c") as [Batch, Batch, Batch];
    sequences.givenUp(b);
    const [a1, a2] = [batch("a1", 5), batch("a2", 5)];
    sequences.split(a, [a1, a2]);
    sequences.acknowledged(a1);
    sequences.acknowledged(a2);
    expect(sequences.mayNumber(identity)).toBe(false);
    sequences.acknowledged(c);
    expect(sequences.mayNumber(identity)).toBe(true);
  });
});
