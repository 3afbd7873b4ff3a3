// Records what Apache Kafka writes into __consumer_offsets in the life of a group, as a golden log for the tests of the
// group coordinator.
//
//   npm ci && node test/interop/capture-group-log.ts [--brokers HOST:PORT]
//
// needs java and mvn, unless a broker is given. Writes test/golden/group-log.json: { batches }, the record batches of
// the group's partition in hex, in their order. The group's life is told in `live`.

import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { coordinatorPartitionFor } from "../../src/coordinator/partition-for.ts";
import { addOffsetsToTxn } from "../../src/protocol/apis/add-offsets-to-txn.ts";
import { createTopics } from "../../src/protocol/apis/create-topics.ts";
import { endTxn } from "../../src/protocol/apis/end-txn.ts";
import { fetch } from "../../src/protocol/apis/fetch.ts";
import { findCoordinator } from "../../src/protocol/apis/find-coordinator.ts";
import { initProducerId } from "../../src/protocol/apis/init-producer-id.ts";
import { joinGroup } from "../../src/protocol/apis/join-group.ts";
import { leaveGroup } from "../../src/protocol/apis/leave-group.ts";
import { offsetCommit } from "../../src/protocol/apis/offset-commit.ts";
import { offsetDelete } from "../../src/protocol/apis/offset-delete.ts";
import { syncGroup } from "../../src/protocol/apis/sync-group.ts";
import { txnOffsetCommit } from "../../src/protocol/apis/txn-offset-commit.ts";
import { encodeVersioned } from "../../src/protocol/codec.ts";
import { encodeRequest, readResponseAfterCorrelationId } from "../../src/protocol/frame.ts";
import { consumerProtocolSubscription } from "../../src/protocol/internal/consumer-protocol.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { batchesIn } from "../../src/protocol/records/batch.ts";
import type { Api, Decoded, Encodable } from "../../src/protocol/schema.ts";
import { startApacheKafka } from "./apache-kafka.ts";
import { freePort } from "./toolchain.ts";

const groupId = "golden";
const topic = "golden-topic";
const transactionalId = "golden-producer";

/** One request at a time. */
class Wire {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #onFrame: (frame: Buffer) => void = () => {};

  constructor(bootstrap: string) {
    const [host = "", port = ""] = bootstrap.split(":");
    this.#socket = connect(Number(port), host);
    this.#socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      if (this.#received.length < 4) return;
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      this.#onFrame(frame);
    });
  }

  ask<A extends Api>(api: A, version: number, body: Encodable<A["request"]>): Promise<Decoded<A["response"]>> {
    return new Promise((resolve) => {
      this.#onFrame = (frame) => resolve(readResponseAfterCorrelationId(api, version, new Reader(frame, 4)));
      for (const piece of encodeRequest(api, version, { correlationId: 1, clientId: "capture" }, body)) {
        this.#socket.write(piece);
      }
    });
  }

  /** Asks until the broker is ready to answer. */
  async insist<A extends Api>(api: A, version: number, body: Encodable<A["request"]>): Promise<Decoded<A["response"]>> {
    for (;;) {
      const response = await this.ask(api, version, body);
      if ((response as { errorCode: number }).errorCode === 0) return response;
      await sleep(100);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Two static members and an outsider; one transaction that commits, one that aborts and one that is left open. */
async function live(wire: Wire, other: Wire): Promise<void> {
  const partition = (partitionIndex: number, committedOffset: number, committedMetadata: string | null = null) => ({
    partitionIndex,
    committedOffset,
    committedMetadata,
    committedLeaderEpoch: 0,
  });
  const metadata = encodeVersioned(consumerProtocolSubscription, 1, { topics: [topic] });
  const join = (groupInstanceId: string, memberId = "") => ({
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    memberId,
    groupInstanceId,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata }],
  });
  const alone = await wire.ask(joinGroup, 9, join("A"));
  const joining = other.ask(joinGroup, 9, join("B"));
  await sleep(500);
  const [a, b] = await Promise.all([wire.ask(joinGroup, 9, join("A", alone.memberId)), joining]);
  const generationId = a.generationId;
  const [leader, follower] = a.members.length > 0 ? [a, b] : [b, a];
  const assignments = [
    { memberId: a.memberId, assignment: Buffer.from("for A") },
    { memberId: b.memberId, assignment: Buffer.from("for B") },
  ];
  const synced = other.ask(syncGroup, 3, { groupId, generationId, memberId: follower.memberId, assignments: [] });
  await wire.ask(syncGroup, 3, { groupId, generationId, memberId: leader.memberId, assignments });
  await synced;
  const member = { groupId, generationIdOrMemberEpoch: generationId, memberId: a.memberId, groupInstanceId: "A" };
  const topics = [{ name: topic, partitions: [partition(0, 5, "plain"), partition(1, 6)] }];
  await wire.ask(offsetCommit, 8, { ...member, topics });
  // A retention time of its own, which old clients set.
  await wire.ask(offsetCommit, 4, {
    ...member,
    retentionTimeMs: 3_600_000,
    topics: [{ name: topic, partitions: [partition(2, 7)] }],
  });

  const init = { transactionalId, transactionTimeoutMs: 600_000, producerId: -1, producerEpoch: -1 };
  const { producerId, producerEpoch } = await wire.insist(initProducerId, 3, init);
  const producer = { transactionalId, producerId, producerEpoch, groupId };
  for (const [offset, end] of [
    [10, "commit"],
    [20, "abort"],
    [30, undefined],
  ] as const) {
    await wire.insist(addOffsetsToTxn, 3, producer);
    const own = { generationId, memberId: a.memberId, groupInstanceId: "A" };
    await wire.ask(txnOffsetCommit, 3, {
      ...producer,
      ...own,
      topics: [{ name: topic, partitions: [partition(0, offset)] }],
    });
    if (end) await wire.insist(endTxn, 3, { ...producer, committed: end === "commit" });
    await sleep(500);
  }
  await wire.ask(leaveGroup, 4, { groupId, members: [{ memberId: "", groupInstanceId: "A" }] });
  await wire.ask(leaveGroup, 4, { groupId, members: [{ memberId: "", groupInstanceId: "B" }] });
  await wire.ask(offsetDelete, 0, { groupId, topics: [{ name: topic, partitions: [{ partitionIndex: 1 }] }] });
}

/** The hex of all batches in the group's partition. */
async function batches(wire: Wire): Promise<string[]> {
  const partition = coordinatorPartitionFor(groupId, 50);
  const found = await wire.ask(fetch, 4, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    isolationLevel: 0,
    topics: [{ topic: "__consumer_offsets", partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  const records = found.responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
  return Array.from(batchesIn(records), (batch) => batch.bytes().toString("hex"));
}

async function capture(bootstrap: string): Promise<void> {
  const [wire, other] = [new Wire(bootstrap), new Wire(bootstrap)];
  for (const [key, keyType] of [
    [groupId, 0],
    [transactionalId, 1],
  ] as const) {
    await wire.insist(findCoordinator, 3, { key, keyType });
  }
  await wire.ask(createTopics, 5, {
    topics: [{ name: topic, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  await sleep(1000);
  await live(wire, other);
  const file = join(import.meta.dirname, "../golden/group-log.json");
  writeFileSync(file, `${JSON.stringify({ batches: await batches(wire) }, undefined, 2)}\n`);
  wire.close();
  other.close();
}

const { values } = parseArgs({ options: { brokers: { type: "string" } } });
if (values.brokers !== undefined) await capture(values.brokers);
else {
  const kafka = await startApacheKafka({ port: await freePort() });
  try {
    await capture(kafka.bootstrap);
  } finally {
    await kafka.stop();
  }
}
