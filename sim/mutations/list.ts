/** Ways to break the code: each one a fault that a real system has had, or could have. */
export interface Mutation {
  /** What the broken code does. */
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const mutations: readonly Mutation[] = [
  // The log.
  {
    name: "acknowledge before the sync",
    file: "log/partition-log.ts",
    find: "if (offset <= this.#highWatermark) callback();",
    replace: "if (offset >= 0) callback();",
  },
  {
    name: "acknowledge a duplicate before its original is durable",
    file: "broker/handlers/produce.ts",
    find: "if (this.#request.acks !== ACKS_DURABLE) {\n      done(response);",
    replace: "if (this.#request.acks !== ACKS_DURABLE || outcome.isDuplicate) {\n      done(response);",
  },
  {
    name: "show what is not durable",
    file: "log/partition-log.ts",
    find: 'this.#config.durability === "os" ? this.logEndOffset : this.#commit.durableOffset',
    replace: "this.logEndOffset",
  },
  {
    name: "do not sync a segment that is sealed during a sync",
    file: "log/segment-list.ts",
    find: "this.#unsynced = [...this.#unsynced, sealed];",
    replace: "this.#unsynced.push(sealed);",
  },
  {
    name: "take a batch with a wrong checksum after a crash",
    file: "log/recovery.ts",
    find: 'if (!batch.hasValidCrc()) return { position, text: "the CRC does not match" };',
    replace: "",
  },
  {
    name: "remember one batch of a producer only",
    file: "log/producer-state.ts",
    find: "export const REMEMBERED_BATCHES = 5;",
    replace: "export const REMEMBERED_BATCHES = 1;",
  },
  {
    name: "append a retry once more",
    file: "log/producer-state.ts",
    find: "const original = entry && findDuplicate(entry, batch);",
    replace: "const original = undefined as ProducedBatch | undefined;",
  },
  {
    name: "take a batch behind a gap of sequences",
    file: "log/producer-state.ts",
    find: "return baseSequence === expected ? undefined :",
    replace: "return baseSequence >= 0 ? undefined :",
  },
  {
    name: "forget the sequences at a restart",
    file: "log/recovery.ts",
    find: "this.#producers.load(entries);",
    replace: "void entries;",
  },
  {
    name: "leave earlier batches out of the snapshot",
    file: "log/producer-snapshot.ts",
    find: "writeEarlierBatches(writer, entry.batches.slice(0, -1))",
    replace: "writeEarlierBatches(writer, [])",
  },
  {
    name: "leave open transactions out of the snapshot",
    file: "log/producer-snapshot.ts",
    find: "writer.int64(entry.txnFirstOffset);",
    replace: "writer.int64(-1);",
  },
  {
    name: "take a batch of an old epoch",
    file: "log/producer-state.ts",
    find: "return entry && batch.producerEpoch < entry.producerEpoch ? staleEpoch(batch.producerEpoch, entry) : undefined;",
    replace: "return undefined as LogRefusal | undefined;",
  },
  {
    name: "let the last stable offset pass open transactions",
    file: "log/partition-log.ts",
    find: "Math.min(highWatermark, this.#producers.firstUndecidedOffset ?? highWatermark)",
    replace: "highWatermark",
  },
  {
    name: "move the last stable offset before the marker is durable",
    file: "log/partition-log.ts",
    find: "for (const { firstOffset } of this.#unstable) stable = Math.min(stable, firstOffset);",
    replace: "",
  },
  {
    name: "read committed up to the high watermark",
    file: "log/partition-log.ts",
    find: "const limitOffset = listsAborted ? this.#lastStableOffset : this.#highWatermark;",
    replace: "const limitOffset = this.#highWatermark;",
  },
  {
    name: "list no aborted transactions",
    file: "log/partition-log.ts",
    find: "if (completed?.isAborted) this.#segments.active.abortedIndex.append(completed);",
    replace: "",
  },
  {
    name: "list one aborted transaction only",
    file: "log/aborted-index.ts",
    find: "if (entry.lastStableOffset >= endOffset) return true;",
    replace: "return true;",
  },
  {
    name: "lose the aborted transactions at a restart",
    file: "log/recovery.ts",
    find: "if (completed?.isAborted) segment.abortedIndex.append(completed);",
    replace: "",
  },
  // The transaction coordinator.
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
    find: "      this.#writeUntilDone(partition, request, () => {\n        missing--;\n        if (missing === 0) onWritten();\n      });",
    replace:
      "      this.#clock.setTimer(20, () => this.#writeUntilDone(partition, request, () => {}));\n" +
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
    find: "this.#deadlines.set(deadline, metadata.startedAt + metadata.timeoutMs);",
    replace: "this.#deadlines.clear(deadline);",
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
    find: 'return { kind: "wait", next: preparedWithNextEpoch(metadata, "abort", isCurrent, newProducerId, now) };',
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
    find: 'turn.put(preparedWithNextEpoch(metadata, "abort", true, this.#options.newProducerId, turn.now));',
    replace: 'turn.put(preparedWithNextEpoch(metadata, "commit", true, this.#options.newProducerId, turn.now));',
  },
  {
    name: "take transactional batches without asking the coordinator",
    file: "broker/handlers/produce-verifier.ts",
    find: "if (this.#questions) this.#questions.push(question);",
    replace: 'if (this.#questions) answer("NONE");',
  },
  // The group coordinator.
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
    find: "const error = checkTransactionalCommit(core.groups.get(request.groupId), request);",
    replace: 'const error = checkTransactionalCommit(core.groups.get(request.groupId), request) && "NONE";',
  },
  {
    name: "keep a member that is not heard of",
    file: "coordinator/group/sessions.ts",
    find: "if (member.isWaitingForUs) return;\n  dropMember",
    replace: "if (member) return;\n  dropMember",
  },
  // The client.
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
    find: 'client.consumer({ isolationLevel: "read_committed", autoOffsetReset: "none" })',
    replace: 'client.consumer({ isolationLevel: "read_uncommitted", autoOffsetReset: "none" })',
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
];
