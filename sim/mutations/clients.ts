import type { Mutation } from "./mutation.ts";

export const clientMutations: readonly Mutation[] = [
  // Producer and consumer.
  {
    name: "commit before the batches are acknowledged",
    file: "client/producer/transaction-manager.ts",
    find: "await this.#batches.flushed();\n    await Promise.allSettled(this.#calls);",
    replace: "await Promise.resolve();",
  },
  {
    name: "number a batch anew when its answer is lost",
    file: "client/producer/verdict.ts",
    find: 'if (error === "DISCONNECTED" || isRetriable(error)) return "retry";',
    replace:
      'if (error === "DISCONNECTED" && !situation.isTransactional && situation.isFirstOpen) return "restart";\n' +
      '  if (error === "DISCONNECTED" || isRetriable(error)) return "retry";',
  },
  {
    name: "show aborted records",
    file: "client/consumer/abort-filter.ts",
    find: "if (!batch.isControl) return batch.isTransactional && this.#aborting.has(producerId);",
    replace: "if (!batch.isControl) return false;",
  },
  {
    name: "hide what follows an aborted transaction",
    file: "client/consumer/abort-filter.ts",
    find: 'readMarker(batch)?.type === "abort") this.#aborting.delete(producerId);',
    replace: 'readMarker(batch)?.type === "abort") return true;',
  },
  {
    name: "commit offsets in the name of no member",
    file: "client/producer/transaction-offsets.ts",
    find: "    ...group,\n",
    replace: '    ...group,\n    generationId: -1,\n    memberId: "",\n    groupInstanceId: null,\n',
  },
  {
    name: "hold an answer about an earlier position against the present one",
    file: "client/consumer/assignment.ts",
    find: "if (endOffset !== undefined && endOffset >= asked.offset) {",
    replace: "if (endOffset !== undefined && endOffset >= (this.#position?.offset ?? 0)) {",
  },
  {
    name: "hand out what was fetched before a seek",
    file: "client/consumer/assignment.ts",
    find: "    this.#chunks = [];\n    this.#position = undefined;",
    replace: "    this.#position = undefined;",
  },
  {
    name: "commit although a batch was given up",
    file: "client/producer/transaction-manager.ts",
    find: "    return this.#failed(fromPartition(error));",
    replace: "    return fromPartition(error);",
  },
  // Streams.
  {
    name: "commit the stores before the transaction",
    file: "streams/runtime/commit.ts",
    find: "await path.commitTransaction(offsets, path.group);\n    for (const task of tasks) task.commit(path.now());",
    replace:
      "for (const task of tasks) task.commit(path.now());\n    await path.commitTransaction(offsets, path.group);",
  },
  {
    name: "leave the input positions out of the transaction",
    file: "streams/runtime/output.ts",
    find: "await this.#open().sendOffsetsToTransaction(offsets, group);",
    replace: "void offsets, group;",
  },
  {
    name: "restore a store from uncommitted records",
    file: "streams/runtime/assembly.ts",
    find: 'client.consumer({\n    isolationLevel: "read_committed",\n    autoOffsetReset: "none",',
    replace: 'client.consumer({\n    isolationLevel: "read_uncommitted",\n    autoOffsetReset: "none",',
  },
  {
    name: "run a task before its store is restored",
    file: "streams/runtime/restorer.ts",
    find: "if (from >= target) return;",
    replace: "if (from >= 0 || from >= target) return;",
  },
  {
    name: "keep the work of a transaction that failed",
    file: "streams/runtime/worker.ts",
    find: "    this.#tasks.rollback();\n",
    replace: "",
  },
  // Connect.
  {
    name: "go on behind a batch that the sink refused for now",
    file: "connect/sink-runtime.ts",
    find: "if (!(error instanceof ConnectError) || !error.retriable || this.#isStopping) throw error;",
    replace:
      "if (!(error instanceof ConnectError) || !error.retriable || this.#isStopping) throw error;\n        break;",
  },
  {
    name: "let a batch begin at its first record, behind markers",
    file: "connect/sink-runtime.ts",
    find: "return { topic, topicId, partition, fromOffset, nextOffset: last.offset + 1, records: ofPartition };",
    replace:
      "return { topic, topicId, partition, fromOffset: first.offset, nextOffset: last.offset + 1, records: ofPartition };",
  },
  {
    name: "go on behind a batch that the sink has elsewhere",
    file: "connect/sink-runtime.ts",
    find: "    this.#moveTo(consumer, batch, nextOffset);\n  }",
    replace: "    this.#positions.set(keyOf(batch), Math.max(nextOffset, batch.nextOffset));\n  }",
  },
];
