/** TxnOffsetCommit: offsets that count once the producer's transaction commits. */
import type { TxnOffsetCommitResponse } from "../../coordinator/group/messages.ts";
import { txnOffsetCommitError } from "../../coordinator/transaction/answers.ts";
import { txnOffsetCommit } from "../../protocol/apis/txn-offset-commit.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { OFFSETS_TOPIC } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";
import { CommitTargets } from "./commit-targets.ts";

type CommitRequest = RequestOf<typeof txnOffsetCommit>;

/** The first version that adds the group to the transaction; older ones expect to find it there (KIP-890). */
const ADDING_VERSION = 5;

export function txnOffsetCommitHandler(services: BrokerServices): Handler<typeof txnOffsetCommit> {
  const { groups, image } = services;
  return {
    api: txnOffsetCommit,
    handle(request, { apiVersion }, reply) {
      const asked = request.topics.map((topic) => ({ ...topic, topicId: ZERO_UUID }));
      const targets = new CommitTargets(image, asked, false);
      const refuse = (error: ErrorName): void => {
        const known = txnOffsetCommitError(error, apiVersion);
        reply({ throttleTimeMs: 0, topics: targets.merge(targets.refuse(known)) });
      };
      verify(services, request, apiVersion, (error) => {
        if (error !== "NONE") {
          refuse(error);
          return;
        }
        // In the same turn as the answer, so that no marker can come between.
        groups.request<TxnOffsetCommitResponse>(
          request.groupId,
          (machine, now, answer) =>
            machine.commitTransactionalOffsets({ ...request, topics: targets.valid }, now, answer),
          ({ topics }) => reply({ throttleTimeMs: 0, topics: targets.merge(topics) }),
          (problem) => ({ throttleTimeMs: 0, topics: targets.refuse(txnOffsetCommitError(problem, apiVersion)) }),
        );
      });
    },
  };
}

/** Asks whether the producer's transaction is open and has the group's partition in it, or puts it there. */
function verify(
  { groups, transactions }: BrokerServices,
  { transactionalId, groupId, producerId, producerEpoch }: CommitRequest,
  apiVersion: number,
  done: (error: ErrorName) => void,
): void {
  const partition = groups.partitionFor(groupId);
  if (partition === undefined) {
    done("COORDINATOR_NOT_AVAILABLE");
    return;
  }
  const request = {
    transactionalId,
    producerId,
    producerEpoch,
    partitions: [{ topic: OFFSETS_TOPIC, partition }],
    verifyOnly: apiVersion < ADDING_VERSION,
    version: apiVersion < ADDING_VERSION ? 0 : 2,
  } as const;
  transactions.request<readonly ErrorName[]>(
    transactionalId,
    (machine, now, answer) => machine.addPartitionsToTxn(request, now, answer),
    ([error]) => done(error ?? "UNKNOWN_SERVER_ERROR"),
    (error) => [error],
  );
}
