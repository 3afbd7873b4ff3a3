import type { Mutation } from "./mutation.ts";

export const logMutations: readonly Mutation[] = [
  {
    name: "acknowledge before the sync",
    file: "log/partition-log.ts",
    find: "if (offset <= this.highWatermark) callback();",
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
    find: "    const refusal =\n      this.#checkEpoch(batch, entry) ??",
    replace:
      "    if (entry && batch.producerEpoch < entry.producerEpoch) return APPEND;\n" +
      "    const refusal =\n      this.#checkEpoch(batch, entry) ??",
  },
  {
    name: "let the last stable offset pass open transactions",
    file: "log/watermarks.ts",
    find: "Math.min(highWatermark, firstUndecidedOffset ?? highWatermark)",
    replace: "highWatermark",
  },
  {
    name: "move the last stable offset before the marker is durable",
    file: "log/watermarks.ts",
    find: "for (const { firstOffset } of this.#unstable) stable = Math.min(stable, firstOffset);",
    replace: "",
  },
  {
    name: "read committed up to the high watermark",
    file: "log/partition-log.ts",
    find: "const limitOffset = listsAborted ? this.lastStableOffset : this.highWatermark;",
    replace: "const limitOffset = this.highWatermark;",
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
  {
    name: "go on behind a failed sync",
    file: "log/group-commit.ts",
    find: "      return error as Error;",
    replace: "      void error;\n      this.#isWanted = true;\n      return undefined;",
  },
  {
    name: "take for durable what a failed sync left in the page cache",
    file: "log/failed-sync.ts",
    find: "await renewFile(this.#options, name);",
    replace: "void renewFile;",
  },
  {
    name: "save a snapshot before what it vouches for is durable",
    file: "log/log-sync.ts",
    find: "this.#snapshots.push(snapshot);",
    replace: "this.#options.checkpoints.saveSnapshot(snapshot, this.#options.segments.baseOffsets);",
  },
  {
    name: "save a recovery point before what it vouches for is durable",
    file: "log/log-sync.ts",
    find: "this.#snapshots.push(takeSnapshot(producers, active.nextOffset));",
    replace:
      "this.#options.checkpoints.saveSnapshot(takeSnapshot(producers, active.nextOffset), this.#options.segments.baseOffsets);",
  },
  {
    name: "do not look at what came behind a recovery point",
    file: "log/segment.ts",
    find: "const end = this.#resumeIndexes(offset) ? this.#endAt(offset) : undefined;",
    replace:
      "const found = this.#resumeIndexes(offset) ? this.#endAt(offset) : undefined; const end = found && { ...found, position: this.log.size() };",
  },
  {
    name: "take any leader epoch after a crash",
    file: "log/recovery.ts",
    find: "if (epochProblem !== undefined) return { position, text: epochProblem };",
    replace: "epochs.assign(batch.leaderEpoch, batch.baseOffset);",
  },
  {
    name: "show a log's start before it is durable",
    file: "log/log-start.ts",
    find: "    this.#nextOffset = offset;\n    this.#options",
    replace: "    this.#nextOffset = offset;\n    this.#move(offset);\n    this.#options",
  },
  {
    name: "list aborted transactions in another order",
    file: "log/segment-list.ts",
    find: "return found.sort((a, b) => a.firstOffset - b.firstOffset);",
    replace: "return found.sort((a, b) => b.firstOffset - a.firstOffset);",
  },
];
