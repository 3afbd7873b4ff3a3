import { describe, expect, it } from "vitest";
import { type ErrorName, errorCodes, isRetriable } from "../../protocol/errors.ts";
import { type BatchSituation, judge, type Verdict } from "./verdict.ts";

const first: BatchSituation = {
  recordCount: 2,
  isFirstOpen: true,
  isInDoubt: false,
  isOvertaken: false,
  isTransactional: false,
  isWanted: true,
};
const later: BatchSituation = { ...first, isFirstOpen: false };
const single: BatchSituation = { ...first, recordCount: 1 };
const plain: BatchSituation = { ...first, isFirstOpen: undefined };
const inDoubt: BatchSituation = { ...first, isInDoubt: true };
const overtaken: BatchSituation = { ...first, isOvertaken: true };
const transactional: BatchSituation = { ...first, isTransactional: true };
const aborted: BatchSituation = { ...transactional, isWanted: false };

const cases: readonly (readonly [ErrorName | "DISCONNECTED", string, BatchSituation, Verdict])[] = [
  ["NONE", "first", first, "acknowledged"],
  ["NONE", "aborted", aborted, "acknowledged"],
  ["DUPLICATE_SEQUENCE_NUMBER", "first", first, "acknowledged"],
  ["DISCONNECTED", "first", first, "retry"],
  ["DISCONNECTED", "plain", plain, "retry"],
  // It could still arrive after the transaction's end.
  ["DISCONNECTED", "aborted", aborted, "retry"],
  ["REQUEST_TIMED_OUT", "aborted", aborted, "retry"],
  ["NOT_LEADER_OR_FOLLOWER", "later", later, "retry"],
  ["NOT_LEADER_OR_FOLLOWER", "aborted", aborted, "refused"],
  ["MESSAGE_TOO_LARGE", "first", first, "split"],
  ["MESSAGE_TOO_LARGE", "single", single, "refused"],
  // What is missing is on its way, or will be sent again first.
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "later", later, "retry"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "first", first, "restart"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "transactional", transactional, "refused"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "plain", plain, "refused"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "first, overtaken", overtaken, "unknown"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "later, overtaken", { ...later, isOvertaken: true }, "retry"],
  ["UNKNOWN_PRODUCER_ID", "first", first, "restart"],
  ["UNKNOWN_PRODUCER_ID", "first, overtaken", overtaken, "unknown"],
  ["UNKNOWN_PRODUCER_ID", "transactional", transactional, "refused"],
  ["INVALID_PRODUCER_EPOCH", "first", first, "refused"],
  ["INVALID_RECORD", "later", later, "refused"],
  ["TOPIC_AUTHORIZATION_FAILED", "first", first, "refused"],
  ["UNKNOWN_SERVER_ERROR", "first", first, "unknown"],
  ["NONE", "in doubt", inDoubt, "acknowledged"],
  ["REQUEST_TIMED_OUT", "in doubt", inDoubt, "retry"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "in doubt", inDoubt, "restart"],
  // An attempt before may have put it into the log, with all its records.
  ["INVALID_TIMESTAMP", "in doubt", inDoubt, "unknown"],
  ["MESSAGE_TOO_LARGE", "in doubt", inDoubt, "unknown"],
  ["MESSAGE_TOO_LARGE", "plain, in doubt", { ...plain, isInDoubt: true }, "split"],
];

describe("the verdict over a batch", () => {
  it.each(cases)("%s, %s", (error, _, situation, verdict) => {
    expect(judge(error, situation)).toBe(verdict);
  });

  it("every error that may pass is tried again while the batch is wanted", () => {
    for (const error of Object.keys(errorCodes) as ErrorName[]) {
      if (isRetriable(error)) expect(judge(error, first)).toBe("retry");
    }
  });
});
