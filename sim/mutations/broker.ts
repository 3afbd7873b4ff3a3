import type { Mutation } from "./mutation.ts";

export const brokerMutations: readonly Mutation[] = [
  // Transactions.
  {
    name: "answer before the coordinator's record is durable",
    file: "broker/coordinator-shard.ts",
    find: "log.whenDurable(log.logEndOffset, (error) => {\n      if (this.#state",
    replace:
      "((_: number, then: (error?: Error) => void) => then())(log.logEndOffset, (error) => {\n      if (this.#state",
  },
  {
    name: "complete a transaction before its markers are written",
    file: "broker/marker-writer.ts",
    find: "      this.#writeUntilDone(partition, request, isWanted, () => {\n        missing--;\n        if (missing === 0) onWritten();\n      });",
    replace:
      "      this.#clock.setTimer(20, () => this.#writeUntilDone(partition, request, isWanted, () => {}));\n" +
      "      missing--;\n      if (missing === 0) this.#clock.setImmediate(onWritten);",
  },
  {
    name: "give up a marker that could not be written",
    file: "broker/marker-writer.ts",
    find: 'if (error === "NONE" ||',
    replace: 'if (error !== "NOT_COORDINATOR" ||',
  },
  {
    name: "forget completions at a restart",
    file: "coordinator/transaction/transaction-coordinator.ts",
    find: "if (isPrepared(metadata)) turn.complete(metadata);",
    replace: "void metadata;",
  },
  {
    name: "let a transaction stay open for ever",
    file: "coordinator/transaction/transaction-coordinator.ts",
    find: "Math.min(startedAt, latest) + timeoutMs;",
    replace: "Number.POSITIVE_INFINITY;",
  },
  {
    name: "do not fence by a new producer of the same id",
    file: "coordinator/transaction/transitions.ts",
    find: "return { producerId: producer.producerId, producerEpoch: producer.producerEpoch + 1 };",
    replace: "return producer;",
  },
  {
    name: "leave the zombie's transaction open",
    file: "coordinator/transaction/decisions.ts",
    find: 'return { kind: "wait", next: preparedWithNextEpoch(metadata, "abort", isCurrent, producerIds, now) };',
    replace:
      'return { kind: "accept", next: { ...metadata, state: "Empty", partitions: new Map(), startedAt: undefined } };',
  },
  {
    name: "take the end of a transaction from any epoch",
    file: "coordinator/transaction/decisions.ts",
    find: 'return producer.producerEpoch === current.producerEpoch ? undefined : "PRODUCER_FENCED";',
    replace: "return undefined;",
  },
  {
    name: "commit what was to be aborted at the timeout",
    file: "coordinator/transaction/transaction-coordinator.ts",
    find: 'turn.put(preparedWithNextEpoch(metadata, "abort", true, this.#options.producerIds, turn.now));',
    replace: 'turn.put(preparedWithNextEpoch(metadata, "commit", true, this.#options.producerIds, turn.now));',
  },
  {
    name: "take transactional batches without asking the coordinator",
    file: "broker/handlers/produce-verifier.ts",
    find: "if (this.#questions) this.#questions.push(question);",
    replace: 'if (this.#questions) answer("NONE");',
  },
  {
    name: "end a transaction without a new epoch",
    file: "coordinator/transaction/decisions.ts",
    find: 'return { kind: "accept", next: preparedWithNextEpoch(metadata, type, true, producerIds, now) };',
    replace: 'return { kind: "accept", next: prepared(metadata, type, now) };',
  },
  {
    name: "let the next transaction begin before the markers of the last are written",
    file: "coordinator/transaction/decisions.ts",
    find: "if (isPrepared(metadata)) return wait;\n  const isIncluded",
    replace: "const isIncluded",
  },
  // Groups.
  {
    name: "show offsets before their transaction is committed",
    file: "coordinator/group/apply.ts",
    find: "if (transaction) core.offsets.addPending(transaction.producerId, key, committed);",
    replace:
      "if (transaction && transaction.producerId < 0) core.offsets.addPending(transaction.producerId, key, committed);",
  },
  {
    name: "commit the offsets of an aborted transaction",
    file: "coordinator/group/offset-store.ts",
    find: 'if (type === "commit")',
    replace: 'if (type === "commit" || type === "abort")',
  },
  {
    name: "do not wait for open transactions that hold offsets",
    file: "coordinator/group/offset-fetch.ts",
    find: "if (requireStable && core.offsets.hasPending(key)) {",
    replace: "if (requireStable && partitionIndex < 0) {",
  },
  {
    name: "take offsets of any generation",
    file: "coordinator/group/offset-commit.ts",
    find: 'return claim.generationId === group.generationId ? "NONE" : "ILLEGAL_GENERATION";',
    replace: 'return "NONE";',
  },
  {
    name: "take transactional offsets without looking at the group",
    file: "coordinator/group/offset-commit.ts",
    find: "const error = checkTransactionalCommit(core, core.groups.get(request.groupId), request);",
    replace: 'const error = "NONE" as ReturnType<typeof checkTransactionalCommit>;',
  },
  {
    name: "keep a member that is not heard of",
    file: "coordinator/group/sessions.ts",
    find: "if (member.isWaitingForUs) return;\n  dropMember",
    replace: "if (member) return;\n  dropMember",
  },
  // Topics.
  {
    name: "keep the files of a deleted topic",
    file: "broker/partitions.ts",
    find: "await partition.log.delete();",
    replace: "await partition.log.close();",
  },
];
