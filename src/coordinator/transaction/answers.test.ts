import { describe, expect, it } from "vitest";
import { addPartitionsToTxn } from "../../protocol/apis/add-partitions-to-txn.ts";
import { endTxn } from "../../protocol/apis/end-txn.ts";
import { initProducerId } from "../../protocol/apis/init-producer-id.ts";
import { readRequest, readResponse, writeRequest, writeResponse } from "../../protocol/codec.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { Reader } from "../../protocol/reader.ts";
import type { Api, RequestBody, RequestOf, ResponseBody, ResponseOf } from "../../protocol/schema.ts";
import { concat, Writer } from "../../protocol/writer.ts";
import {
  addOffsetsToTxnResponse,
  addPartitionsToTxnResponse,
  endTxnResponse,
  initProducerIdResponse,
  partitionsRequests,
  produceError,
  txnOffsetCommitError,
} from "./answers.ts";

/** What arrives at the other end. */
function request<A extends Api>(api: A, version: number, body: RequestBody<A>): RequestOf<A> {
  const writer = new Writer();
  writeRequest(api, version, writer, body);
  return readRequest(api, version, new Reader(concat(writer.finish())));
}

function response<A extends Api>(api: A, version: number, body: ResponseBody<A>): ResponseOf<A> {
  const writer = new Writer();
  writeResponse(api, version, writer, body);
  return readResponse(api, version, new Reader(concat(writer.finish())));
}

const producer = { producerId: 5, producerEpoch: 2 };

describe("AddPartitionsToTxn", () => {
  const topics = [
    { name: "orders", partitions: [0, 3] },
    { name: "payments", partitions: [1] },
  ];
  const partitions = [
    { topic: "orders", partition: 0 },
    { topic: "orders", partition: 3 },
    { topic: "payments", partition: 1 },
  ];

  it.each([0, 1, 2, 3])("v%i: one transaction of a client of the classic protocol", (version) => {
    const sent = request(addPartitionsToTxn, version, {
      v3AndBelowTransactionalId: "app",
      v3AndBelowProducerId: 5,
      v3AndBelowProducerEpoch: 2,
      v3AndBelowTopics: topics,
    });
    const [only, ...others] = partitionsRequests(sent, version);
    expect(others).toEqual([]);
    expect(only).toEqual({ transactionalId: "app", ...producer, partitions, verifyOnly: false, version: 0 });
    const errors: ErrorName[] = ["NONE", "PRODUCER_FENCED", "NONE"];
    const answer = addPartitionsToTxnResponse(version, [{ request: only as never, errors }]);
    const fenced = version < 2 ? "INVALID_PRODUCER_EPOCH" : "PRODUCER_FENCED";
    expect(
      response(addPartitionsToTxn, version, answer).resultsByTopicV3AndBelow.map(({ name, resultsByPartition }) => [
        name,
        ...resultsByPartition.map((result) => [result.partitionIndex, errorName(result.partitionErrorCode)]),
      ]),
    ).toEqual([
      ["orders", [0, "NONE"], [3, fenced]],
      ["payments", [1, "NONE"]],
    ]);
  });

  it.each([4, 5])("v%i: several transactions, to add to or to look into", (version) => {
    const sent = request(addPartitionsToTxn, version, {
      transactions: [
        { transactionalId: "app", ...producer, verifyOnly: false, topics },
        { transactionalId: "other", producerId: 6, producerEpoch: 0, verifyOnly: true, topics: topics.slice(1) },
      ],
    });
    const requests = partitionsRequests(sent, version);
    expect(requests).toEqual([
      { transactionalId: "app", ...producer, partitions, verifyOnly: false, version: 2 },
      {
        transactionalId: "other",
        producerId: 6,
        producerEpoch: 0,
        partitions: partitions.slice(2),
        verifyOnly: true,
        version: 2,
      },
    ]);
    const results = requests.map((each) => ({ request: each, errors: each.partitions.map(() => "NONE" as const) }));
    const answer = response(addPartitionsToTxn, version, addPartitionsToTxnResponse(version, results));
    expect(errorName(answer.errorCode)).toBe("NONE");
    expect(answer.resultsByTransaction.map(({ transactionalId }) => transactionalId)).toEqual(["app", "other"]);
    expect(answer.resultsByTransaction[0]?.topicResults.map(({ name }) => name)).toEqual(["orders", "payments"]);
  });
});

describe("what each version knows", () => {
  it("PRODUCER_FENCED (KIP-588)", () => {
    const answers = [
      [0, 1, 2, 3, 4, 5].map((version) => initProducerIdResponse(version, "PRODUCER_FENCED").errorCode),
      [0, 1, 2, 3, 4].map((version) => addOffsetsToTxnResponse(version, "PRODUCER_FENCED").errorCode),
      [0, 1, 2, 3, 4, 5].map((version) => endTxnResponse(version, "PRODUCER_FENCED").errorCode),
    ];
    const [old, fenced] = [47, 90];
    expect(answers).toEqual([
      [old, old, old, old, fenced, fenced],
      [old, old, fenced, fenced, fenced],
      [old, old, fenced, fenced, fenced, fenced],
    ]);
  });

  it("the producer after the end of a transaction: v5 and later", () => {
    const told = (version: number): object => response(endTxn, version, endTxnResponse(version, "NONE", producer));
    expect(told(4)).toMatchObject({ producerId: -1, producerEpoch: -1 });
    expect(told(5)).toMatchObject(producer);
    expect(response(endTxn, 5, endTxnResponse(5, "INVALID_TXN_STATE"))).toMatchObject({
      producerId: -1,
      producerEpoch: -1,
    });
  });

  it("no producer comes with an error", () => {
    const answer = response(initProducerId, 5, initProducerIdResponse(5, "INVALID_TRANSACTION_TIMEOUT"));
    expect(answer).toMatchObject({ errorCode: 50, producerId: -1, producerEpoch: -1 });
    expect(response(initProducerId, 0, initProducerIdResponse(0, "NONE", producer))).toMatchObject(producer);
  });

  it("a partition that is not in the transaction: TRANSACTION_ABORTABLE (KIP-890)", () => {
    expect([9, 10, 11, 13].map((version) => produceError("TRANSACTION_ABORTABLE", version))).toEqual([
      "INVALID_TXN_STATE",
      "INVALID_TXN_STATE",
      "TRANSACTION_ABORTABLE",
      "TRANSACTION_ABORTABLE",
    ]);
    expect([3, 4].map((version) => txnOffsetCommitError("TRANSACTION_ABORTABLE", version))).toEqual([
      "INVALID_TXN_STATE",
      "TRANSACTION_ABORTABLE",
    ]);
  });

  it("a coordinator that is loading: the first clients of TxnOffsetCommit fail on that, and ask another one", () => {
    for (const error of ["COORDINATOR_LOAD_IN_PROGRESS", "CONCURRENT_TRANSACTIONS"] as const) {
      expect([0, 1, 2].map((version) => txnOffsetCommitError(error, version))).toEqual([
        "COORDINATOR_NOT_AVAILABLE",
        "COORDINATOR_NOT_AVAILABLE",
        "COORDINATOR_LOAD_IN_PROGRESS",
      ]);
    }
  });

  it("a fenced producer: to Produce and TxnOffsetCommit it is an old epoch", () => {
    expect(produceError("PRODUCER_FENCED", 13)).toBe("INVALID_PRODUCER_EPOCH");
    expect(txnOffsetCommitError("PRODUCER_FENCED", 5)).toBe("INVALID_PRODUCER_EPOCH");
    expect(produceError("INVALID_PRODUCER_ID_MAPPING", 13)).toBe("INVALID_PRODUCER_ID_MAPPING");
  });
});
