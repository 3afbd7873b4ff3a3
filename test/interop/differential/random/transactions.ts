/** Producers, of the present and the past, of two transactional ids and none, in all versions of their requests. */

import type { Random } from "../../../../src/platform/random.ts";
import { randomInt } from "../../../../src/platform/random.ts";
import { describeProducers } from "../../../../src/protocol/apis/describe-producers.ts";
import type { RawProducer, RawTopic } from "../../../support/raw-session.ts";
import type { Side } from "../side.ts";
import { commit, committed, outsider } from "../verbs/groups.ts";
import { look } from "../verbs/reading.ts";
import {
  addOffsets,
  addPartitions,
  describe,
  end,
  find,
  init,
  marker,
  producers,
  txnOffsets,
  within,
  write,
} from "../verbs/transactions.ts";
import { pick, type Subject, weighted } from "./generator.ts";

const ids = ["a", "b"] as const;
const PARTITIONS = 2;

/** Which of an id's producers: 0 is the newest, 1 the one before. */
type Age = number;

type Operation =
  | { readonly kind: "init"; readonly id: string; readonly version: number; readonly as?: Age }
  | {
      readonly kind: "write";
      readonly id: string;
      readonly age: Age;
      readonly version: number;
      readonly partition: number;
      /** Added to the sequence that comes next. */
      readonly skew: number;
      readonly isTransactional: boolean;
      readonly records: number;
    }
  | {
      readonly kind: "add";
      readonly id: string;
      readonly age: Age;
      readonly version: number;
      readonly partitions: readonly number[];
      readonly verifyOnly: boolean;
    }
  | { readonly kind: "addOffsets"; readonly id: string; readonly age: Age; readonly version: number }
  | {
      readonly kind: "txnOffsets";
      readonly id: string;
      readonly age: Age;
      readonly version: number;
      readonly offset: number;
    }
  | {
      readonly kind: "end";
      readonly id: string;
      readonly age: Age;
      readonly version: number;
      readonly type: "commit" | "abort";
    }
  | {
      readonly kind: "marker";
      readonly id: string;
      readonly age: Age;
      readonly version: number;
      readonly transactionVersion: number;
      readonly type: "commit" | "abort";
      readonly partition: number;
    }
  | { readonly kind: "commit"; readonly offset: number }
  | { readonly kind: "committed"; readonly requireStable: boolean }
  | { readonly kind: "look"; readonly partition: number };

interface World {
  readonly topic: RawTopic;
  /** By transactional id, the newest last. */
  readonly known: Map<string, RawProducer[]>;
  /** Transactional ids of which nothing was heard since they were given an epoch. */
  readonly repeatable: Set<string>;
  /** By producer, epoch and partition. */
  readonly sequences: Map<string, number>;
  /** Of the same, those with a transactional batch that was refused. */
  readonly refused: Set<string>;
}

export const transactionSubject: Subject<Operation, World> = {
  name: "transactions",
  async prepare(side) {
    const topic = await side.createTopic("t", PARTITIONS);
    await find(side, "transaction", "a");
    await find(side, "group", "g");
    return { topic, known: new Map(), repeatable: new Set(), sequences: new Map(), refused: new Set() };
  },
  choose,
  perform,
};

function choose(random: Random): Operation {
  const id = pick(random, ids);
  const age = weighted(random, [
    [8, 0],
    [2, 1],
    [1, 2],
  ]);
  const version = (highest: number): number => (random.float() < 0.5 ? highest : randomInt(random, highest + 1));
  const type = pick(random, ["commit", "abort"] as const);
  const partition = randomInt(random, PARTITIONS);
  const flip = (share: number): boolean => random.float() < share;
  const kind = weighted(random, [
    [2, "init"],
    [10, "write"],
    [4, "add"],
    [1, "addOffsets"],
    [2, "txnOffsets"],
    [6, "end"],
    [1, "marker"],
    [1, "commit"],
    [1, "committed"],
    [3, "look"],
  ] as const);
  switch (kind) {
    case "init":
      return { kind, id, version: version(5), ...(flip(0.5) ? { as: age } : {}) };
    case "write":
      return {
        kind,
        id,
        age,
        version: flip(0.5) ? 12 : 3 + randomInt(random, 9),
        partition,
        skew: weighted(random, [
          [12, 0],
          [2, -1],
          [1, -2],
          [1, 1],
        ]),
        isTransactional: flip(0.95),
        records: 1 + randomInt(random, 3),
      };
    case "add": {
      const partitions = flip(0.5) ? [partition] : [0, 1];
      return {
        kind,
        id,
        age,
        version: flip(0.8) ? version(3) : 4 + randomInt(random, 2),
        partitions,
        verifyOnly: flip(0.5),
      };
    }
    case "addOffsets":
      return { kind, id, age, version: version(4) };
    case "txnOffsets":
      return { kind, id, age, version: version(5), offset: randomInt(random, 100) };
    case "end":
      return { kind, id, age, version: flip(0.5) ? 5 : version(4), type };
    case "marker":
      return {
        kind,
        id,
        age,
        version: 1 + randomInt(random, 2),
        transactionVersion: pick(random, [0, 2]),
        type,
        partition,
      };
    case "commit":
      return { kind, offset: randomInt(random, 100) };
    case "committed":
      return { kind, requireStable: flip(0.5) };
    case "look":
      return { kind, partition };
  }
}

async function perform(side: Side, world: World, operation: Operation): Promise<void> {
  if (!("id" in operation)) {
    if (operation.kind === "commit") await commit(side, "g", outsider, world.topic, operation.offset);
    else if (operation.kind === "committed") await committed(side, "g", world.topic, operation);
    else await lookAt(side, world, operation.partition);
    return;
  }
  const { id } = operation;
  if (operation.kind === "init") {
    await initialize(side, world, operation);
    return;
  }
  const producer = producerOf(world, id, operation.age);
  if (!producer) return;
  const isRepeatable = world.repeatable.delete(id);
  switch (operation.kind) {
    case "write":
      await writeSome(side, world, producer, operation);
      return;
    case "add": {
      const { version, verifyOnly } = operation;
      const partitions = operation.partitions.map((partition) => [world.topic, partition] as const);
      await addPartitions(side, id, producer, partitions, { version, verifyOnly, note: text(operation) });
      return;
    }
    case "addOffsets":
      await addOffsets(side, id, producer, "g", { version: operation.version, note: text(operation) });
      return;
    case "txnOffsets": {
      const { version, offset } = operation;
      await txnOffsets(side, id, producer, "g", world.topic, offset, { version, note: text(operation) });
      return;
    }
    case "end": {
      const { version, type, age } = operation;
      if (version >= 5 && age !== 0 && !isRepeatable) return;
      const next = await end(side, id, producer, type, { version, note: text(operation) });
      remember(world, id, next);
      if (version >= 5) world.repeatable.add(id);
      return;
    }
    case "marker": {
      const { type, partition, ...options } = operation;
      await marker(side, producer, type, [[world.topic, partition]], { ...options, note: text(operation) });
      return;
    }
  }
}

async function initialize(side: Side, world: World, operation: Operation & { kind: "init" }): Promise<void> {
  const { id, version, as: age } = operation;
  const claimed = age === undefined || version < 3 ? undefined : producerOf(world, id, age);
  // Intended differences: Apache Kafka lets a zombie abort the transaction before it finds out, and does not know one
  // from a producer that repeats its request.
  if (claimed && age !== 0 && !world.repeatable.has(id)) return;
  const producer = await init(side, id, { version, note: text(operation), ...(claimed ? { as: claimed } : {}) });
  if (producer.producerId < 0) return;
  remember(world, id, producer);
  world.repeatable.add(id);
}

async function writeSome(
  side: Side,
  { topic, sequences, refused }: World,
  producer: RawProducer,
  operation: Operation & { kind: "write" },
): Promise<void> {
  const { id, version, partition, skew, isTransactional, records } = operation;
  // An intended difference: what a batch out of order asked the coordinator holds up Apache Kafka's next batch.
  if (isTransactional && skew !== 0 && !(await hasBegun(side, topic, partition, producer))) return;
  const key = `${producer.producerId}/${producer.producerEpoch}/${partition}`;
  // The same: what was not verified is held against what comes behind a batch outside of transactions.
  if (!isTransactional && refused.has(key)) return;
  const next = sequences.get(key) ?? 0;
  const sequence = Math.max(0, next + skew);
  const values = Array.from({ length: records }, (_, i) => `${sequence + i}`);
  const options = { ...within(id, producer, sequence), version, partition, isTransactional, note: text(operation) };
  const offset = await write(side, topic, values, options);
  if (offset >= 0) sequences.set(key, Math.max(next, sequence + records));
  else if (isTransactional) refused.add(key);
}

async function lookAt(side: Side, { topic }: World, partition: number): Promise<void> {
  await look(side, topic, partition);
  await producers(side, topic, partition);
  await describe(side, ids);
}

async function hasBegun(side: Side, topic: RawTopic, partition: number, producer: RawProducer): Promise<boolean> {
  const body = { topics: [{ name: topic.name, partitionIndexes: [partition] }] };
  const { topics } = await side.ask(describeProducers, 0, body);
  const active = topics[0]?.partitions[0]?.activeProducers ?? [];
  const known = active.find(({ producerId }) => producerId === producer.producerId);
  return known !== undefined && known.currentTxnStartOffset >= 0 && known.producerEpoch === producer.producerEpoch;
}

function producerOf({ known }: World, id: string, age: Age): RawProducer | undefined {
  return known.get(id)?.at(-1 - age);
}

function remember({ known }: World, id: string, producer: RawProducer): void {
  const ofId = known.get(id) ?? [];
  known.set(id, ofId);
  const last = ofId.at(-1);
  if (last?.producerId !== producer.producerId || last.producerEpoch < producer.producerEpoch) ofId.push(producer);
}

function text(operation: Operation): string {
  const { kind: _, version: __, ...rest } = { version: 0, ...operation };
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
