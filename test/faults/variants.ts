/**
 * The faults known to have broken other systems, and for each the tests that guard against it, with the broken code that
 * each test has been seen to fail on. `npm run faults` shows it again; docs/exactly-once.md lists it.
 */
export interface Fault {
  /** Its number there. */
  readonly number: number;
  readonly title: string;
  readonly variants: readonly Variant[];
}

export interface Variant {
  /** What the broken code does. */
  readonly breaks: string;
  /** Below `src/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly test: {
    /** Below the project's folder. */
    readonly file: string;
    /** The whole name or the end of it, as in "what is described > what it does". */
    readonly name: string;
  };
}

const coordinatorFaults = "src/coordinator/transaction/faults.test.ts";
const brokerTests = "src/broker/transactions.test.ts";
const logTransactions = "src/log/transactions.test.ts";
const durability = "src/broker/durability.test.ts";
const producerState = "src/log/producer-state.test.ts";
const compaction = "src/log/compaction/log-compaction.test.ts";
const classicGroups = "src/coordinator/group/faults.test.ts";
const consumerGroups = "src/coordinator/group/consumer-group/faults.test.ts";
const classicMembers = "src/coordinator/group/consumer-group/classic-members.test.ts";
const migration = "src/coordinator/group/consumer-group/migration.test.ts";
const produceFaults = "test/client/produce-faults.test.ts";
const refusedFirst = "test/client/refused-first.test.ts";
const staticMembers = "src/coordinator/group/consumer-group/static-members.test.ts";
const streamsGroups = "src/coordinator/group/streams-group/faults.test.ts";

export const faults: readonly Fault[] = [
  {
    number: 1,
    title: "A delayed Produce or EndTxn of an earlier transaction arrives in a later one (KIP-890)",
    variants: [
      {
        breaks: "the coordinator does not look at the epoch",
        file: "coordinator/transaction/decisions.ts",
        find: 'return producer.producerEpoch === current.producerEpoch ? undefined : "PRODUCER_FENCED";',
        replace: "return undefined;",
        test: {
          file: coordinatorFaults,
          name: "transactions v2: Produce, TxnOffsetCommit, EndTxn are all refused by their epoch",
        },
      },
      {
        breaks: "a classic Produce is not verified",
        file: "coordinator/transaction/decisions.ts",
        find: 'return includesPartition(metadata.partitions, partition) ? "NONE" : "TRANSACTION_ABORTABLE";',
        replace: 'return includesPartition(metadata.partitions, partition) ? "NONE" : "NONE";',
        test: {
          file: coordinatorFaults,
          name: "classic protocol: a Produce to a partition that is not in the later transaction",
        },
      },
      {
        breaks: "what was verified before a marker may be appended behind it",
        file: "log/producer-state.ts",
        find: "if (!isOfNext) this.#verifications.delete(producerId);",
        replace: "void isOfNext;",
        test: {
          file: producerState,
          name: "does not open with a guard from before a marker: the batch is late (fault 1)",
        },
      },
      {
        breaks: "a classic Produce is verified by what is not durable yet",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: 'errors[i] === "NONE" ? verify(each) : defined(errors[i])',
        replace: "void errors[i], verify(each)",
        test: {
          file: "src/coordinator/transaction/requests.test.ts",
          name: "a verification does not know what is added behind it, which is not durable when it is answered",
        },
      },
      {
        breaks: "a late duplicate's sequence counts as the lowest that the next transaction may begin with",
        file: "log/producer-state.ts",
        find: "if (verification && !entry?.batches.length) {",
        replace: "if (verification) {",
        test: {
          file: producerState,
          name: "a late duplicate of the transaction before does not stop the next one (fault 1)",
        },
      },
      {
        breaks: "transactional batches are appended without asking the coordinator",
        file: "broker/partition.ts",
        find: "else if (verification) this.#verify(batch, verification, done);",
        replace: "",
        test: {
          file: brokerTests,
          name: "a partition that was not added is refused: a late Produce opens no transaction",
        },
      },
      {
        breaks: "a producer goes over to transactions v2 at the epoch of a classic one",
        file: "client/producer/transaction-manager.ts",
        find: "this.#isV2 = this.#speaksV2 && !this.#isEpochClassic;",
        replace: "this.#isV2 = this.#speaksV2;",
        test: {
          file: "test/client/transaction-faults.test.ts",
          name: "between two transactions: it takes a new epoch before its first one without AddPartitionsToTxn",
        },
      },
      {
        breaks: "a marker by hand is written again though its answer was lost",
        file: "client/admin/transactions.ts",
        find: "if (!producers.some((each) => isOpen(each) && isSameTransaction(each, transaction))) return;",
        replace: "void [producers, isOpen, isSameTransaction];",
        test: {
          file: "test/client/admin-faults.test.ts",
          name: "a transaction that is aborted by hand is not taken for the producer's next one when the answer is lost",
        },
      },
    ],
  },
  {
    number: 2,
    title: "EndTxn while the previous completion is being written: no empty success",
    variants: [
      {
        breaks: "a transaction that is being completed takes the next end for a repeated one",
        file: "coordinator/transaction/decisions.ts",
        find: 'if (isPrepared(metadata)) return wait;\n  if (metadata.state !== "Ongoing" && type === "commit")',
        replace: 'if (isPrepared(metadata)) return accept;\n  if (metadata.state !== "Ongoing" && type === "commit")',
        test: { file: coordinatorFaults, name: "waits for it, and is then no empty success" },
      },
      {
        breaks: "whoever waits for a completion waits for ever",
        file: "coordinator/transaction/waiting-room.ts",
        find: 'turn.reply(() => answer("CONCURRENT_TRANSACTIONS"));',
        replace: "void answer;",
        test: { file: coordinatorFaults, name: "is told CONCURRENT_TRANSACTIONS when that takes long" },
      },
    ],
  },
  {
    number: 3,
    title: "The reply to a commit or an abort is lost: the same again succeeds",
    variants: [
      {
        breaks: "the epoch before is a zombie's, whoever has it",
        file: "coordinator/transaction/decisions.ts",
        find: 'if (metadata && metadata.state !== "Empty" && isSame(producer, metadata.previous)) {',
        replace: "if (metadata && isSame(producer, undefined)) {",
        test: { file: coordinatorFaults, name: "transactions v2: the same again succeeds, the opposite does not" },
      },
      {
        breaks: "an end that comes again is refused",
        file: "coordinator/transaction/decisions.ts",
        find: "return isPrepared(metadata) ? wait : accept;",
        replace: 'return isPrepared(metadata) ? wait : refuse("INVALID_TXN_STATE");',
        test: { file: coordinatorFaults, name: "classic protocol: likewise" },
      },
      {
        breaks: "who may repeat an end is in no record",
        file: "coordinator/transaction/records.ts",
        find: "lastProducerEpoch: metadata.previous?.producerEpoch ?? NONE,",
        replace: "lastProducerEpoch: NONE,",
        test: { file: coordinatorFaults, name: "and the broker dies too: the one who asks again is known" },
      },
    ],
  },
  {
    number: 4,
    title: "A marker cannot be written, also after a recovery: written again, at the same epoch",
    variants: [
      {
        breaks: "completions are forgotten at a restart",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: "if (isPrepared(metadata)) turn.complete(metadata);",
        replace: "void metadata;",
        test: {
          file: coordinatorFaults,
          name: "all markers are asked for again at the same epoch, until they are written",
        },
      },
      {
        breaks: "a report about the markers of an earlier transaction completes the later one",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: "if (completion?.request !== request) return turn;",
        replace: "if (!completion) return turn;",
        test: {
          file: coordinatorFaults,
          name: "a report about an earlier transaction with the same epoch does nothing",
        },
      },
      {
        breaks: "a marker that could not be written is given up",
        file: "broker/marker-writer.ts",
        find: "this.#clock.setTimer(RETRY_MS, () => this.#writeUntilDone(partition, marker, isWanted, done, false));",
        replace: "",
        test: {
          file: durability,
          name: "a marker that cannot be written is tried again; the transaction ends elsewhere",
        },
      },
      {
        breaks: "a coordinator that another one has taken the place of goes on writing its markers",
        file: "broker/broker-core.ts",
        find: "() => this.transactions.isCurrent(shard),",
        replace: "() => true,",
        test: {
          file: "src/broker/full-disk.test.ts",
          name: "a marker that was waiting for room does not end the producer's next transaction",
        },
      },
    ],
  },
  {
    number: 5,
    title: "The producer's epochs are used up: a new producer id, no overflow, nothing stuck",
    variants: [
      {
        breaks: "the last epoch of all is given to a producer, whom nobody can fence then",
        file: "coordinator/transaction/state.ts",
        find: "return producer.producerEpoch >= MAX_EPOCH - 1;",
        replace: "return producer.producerEpoch >= MAX_EPOCH;",
        test: {
          file: coordinatorFaults,
          name: "transactions v2: a new producer id comes with the end of the transaction; a retry gets it too",
        },
      },
      {
        breaks: "the one who ends the last transaction of an id is told the old id",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: "reply(endTxnResponse(apiVersion, error, metadata && currentProducer(metadata)));",
        replace: "reply(endTxnResponse(apiVersion, error, metadata?.producer));",
        test: {
          file: coordinatorFaults,
          name: "transactions v2: a new producer id comes with the end of the transaction; a retry gets it too",
        },
      },
      {
        breaks: "a classic producer's successor gets an epoch that there is not",
        file: "coordinator/transaction/transitions.ts",
        find: "if (isExhausted(producer)) return { producerId: producerIds.take(), producerEpoch: 0 };",
        replace: "void producerIds;",
        test: {
          file: coordinatorFaults,
          name: "classic protocol: the epoch stays until the next producer, which gets a new id",
        },
      },
      {
        breaks: "a marker of the very last epoch is taken for a late one",
        file: "log/producer-state.ts",
        find: "return entry.txnFirstOffset !== NO_OFFSET && producerEpoch !== MAX_EPOCH;",
        replace: "return entry.txnFirstOffset !== NO_OFFSET;",
        test: { file: producerState, name: "version 2, at the last epoch, which has no next (fault 5)" },
      },
    ],
  },
  {
    number: 6,
    title: "A commit races the timeout's abort: one wins, and the producer can go on",
    variants: [
      {
        breaks: "the timeout also looks at transactions that are being completed",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: "if (isPrepared(metadata)) this.#deadlines.clear(deadline);\n    else this.#deadlines.set",
        replace: "this.#deadlines.set",
        test: { file: coordinatorFaults, name: "the commit comes first: the timeout finds nothing to abort" },
      },
      {
        breaks: "the timeout's abort leaves nobody who may go on",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: 'turn.put(preparedWithNextEpoch(metadata, "abort", true, this.#options.producerIds, turn.now));',
        replace: 'turn.put(preparedWithNextEpoch(metadata, "abort", false, this.#options.producerIds, turn.now));',
        test: {
          file: coordinatorFaults,
          name: "the timeout comes first: the commit is refused, and the producer can go on",
        },
      },
      {
        breaks: "the timeout commits",
        file: "coordinator/transaction/transaction-coordinator.ts",
        find: 'turn.put(preparedWithNextEpoch(metadata, "abort", true, this.#options.producerIds, turn.now));',
        replace: 'turn.put(preparedWithNextEpoch(metadata, "commit", true, this.#options.producerIds, turn.now));',
        test: {
          file: coordinatorFaults,
          name: "classic protocol: the commit finds its producer fenced, and a new one takes over",
        },
      },
    ],
  },
  {
    number: 7,
    title: "The coordinator is loading: an error that old clients retry too",
    variants: [
      {
        breaks: "Produce says what only coordinators' clients know",
        file: "coordinator/transaction/answers.ts",
        find: '    case "NOT_COORDINATOR":\n      return "NOT_ENOUGH_REPLICAS";',
        replace: '    case "NOT_COORDINATOR":\n      return error;',
        test: { file: coordinatorFaults, name: "Produce says so with an error that every client retries" },
      },
      {
        breaks: "old versions of Produce are told CONCURRENT_TRANSACTIONS, which they do not know",
        file: "coordinator/transaction/answers.ts",
        find: 'return version >= 12 ? error : "NOT_ENOUGH_REPLICAS";',
        replace: "return error;",
        test: {
          file: coordinatorFaults,
          name: "a request that meets a completion gets the error that its version knows",
        },
      },
    ],
  },
  {
    number: 8,
    title: "Several InitProducerIds at once with one transactional id: the last wins",
    variants: [
      {
        breaks: "the second one does not wait for the abort that the first one caused",
        file: "coordinator/transaction/decisions.ts",
        find: "if (isPrepared(metadata)) return wait;\n  if (!isRetry &&",
        replace: "if (isPrepared(metadata)) return accept;\n  if (!isRetry &&",
        test: { file: coordinatorFaults, name: "each waits for the open transaction to be aborted; the last wins" },
      },
      {
        breaks: "the next producer gets the same epoch",
        file: "coordinator/transaction/transitions.ts",
        find: "return { producerId: producer.producerId, producerEpoch: producer.producerEpoch + 1 };",
        replace: "return { producerId: producer.producerId, producerEpoch: producer.producerEpoch };",
        test: {
          file: brokerTests,
          name: "of many that initialise at once the last wins, and each waits for the open transaction",
        },
      },
      {
        breaks: "a producer that goes on after an error is asked for nothing",
        file: "coordinator/transaction/decisions.ts",
        find: 'if (expected && !isCurrent && !isRetry) return refuse("PRODUCER_FENCED");',
        replace: "",
        test: {
          file: coordinatorFaults,
          name: "one that goes on after an error loses against a new producer, whichever came first",
        },
      },
    ],
  },
  {
    number: 9,
    title: "Offsets committed in a transaction are invisible until it commits, and unstable meanwhile",
    variants: [
      {
        breaks: "offsets count at once, without regard to the transaction",
        file: "coordinator/group/apply.ts",
        find: "if (transaction) core.offsets.addPending(transaction.producerId, key, committed);\n  else core",
        replace: "core",
        test: {
          file: "src/coordinator/group/faults.test.ts",
          name: "fault 9: offsets committed in a transaction are invisible until it commits > holds",
        },
      },
      {
        breaks: "an abort makes them count",
        file: "coordinator/group/offset-store.ts",
        find: 'if (type === "commit")',
        replace: 'if (type !== "none" as string)',
        test: { file: brokerTests, name: "are forgotten when it aborts" },
      },
      {
        breaks: "OffsetFetch does not look for open transactions",
        file: "coordinator/group/offset-fetch.ts",
        find: "if (requireStable && core.offsets.hasPending(key)) {",
        replace: "if (false as boolean) {",
        test: { file: brokerTests, name: "count once the transaction commits; until then they are unstable" },
      },
      {
        breaks: "the client begins at offsets that are about to be replaced",
        file: "client/consumer/consumer.ts",
        find: "partitions, true, group);",
        replace: 'partitions, this.#settings.isolationLevel === "read_committed", group);',
        test: {
          file: "test/client/transactions.test.ts",
          name: "holds back its offsets from others until it ends, whatever they read: read_uncommitted",
        },
      },
    ],
  },
  {
    number: 10,
    title: "The group's generation or member has changed since the offsets were read (KIP-447)",
    variants: [
      {
        breaks: "TxnOffsetCommit does not look at the group",
        file: "coordinator/group/offset-commit.ts",
        find: '  if (generationId < 0 && group.state === "Empty") return "NONE";\n  return checkMembership(group, request);',
        replace: '  return "NONE";',
        test: {
          file: "src/coordinator/group/faults.test.ts",
          name: "fault 10: the group's generation or member has changed since the offsets were read > holds",
        },
      },
      {
        breaks: "a generation that a group never had is as good as any",
        file: "coordinator/group/offset-commit.ts",
        find: 'if (!group) return generationId < 0 ? "NONE" : "ILLEGAL_GENERATION";',
        replace: 'if (!group) return "NONE";',
        test: { file: brokerTests, name: "of a generation that the group never had are refused (KIP-447)" },
      },
      {
        breaks: "the client takes over what a membership gets that it has given up",
        file: "client/consumer/classic-membership.ts",
        find: 'if (incarnation !== this.#incarnation && !isFenced) return "lost";',
        replace: "void [incarnation, isFenced];",
        test: {
          file: "test/client/groups.test.ts",
          name: "does not take over what a SyncGroup says that is answered once the member gave itself up",
        },
      },
    ],
  },
  {
    number: 11,
    title: "Markers stand before any record of the producer's next epoch",
    variants: [
      {
        breaks: "a marker does not raise the producer's epoch",
        file: "log/producer-state.ts",
        find: "setEpoch(entry, producerEpoch);\n    entry.coordinatorEpoch = marker.coordinatorEpoch;",
        replace: "entry.coordinatorEpoch = marker.coordinatorEpoch;",
        test: { file: producerState, name: "with a bumped epoch fences the transaction's producer (fault 11)" },
      },
      {
        breaks: "the next transaction begins while markers of the last one are to be written",
        file: "coordinator/transaction/decisions.ts",
        find: "if (isPrepared(metadata)) return wait;\n  const isIncluded",
        replace: "if (isPrepared(metadata)) return accept;\n  const isIncluded",
        test: {
          file: "src/coordinator/transaction/stories.test.ts",
          name: "the first write of the next transaction waits for the completion of the last one",
        },
      },
      {
        breaks: "the next epoch's records join a transaction whose marker a power loss took",
        file: "log/producer-state.ts",
        find: "if (producerEpoch === entry.producerEpoch) return undefined;",
        replace: "if (producerEpoch >= entry.producerEpoch) return undefined;",
        test: {
          file: durability,
          name: "durability os: an aborted transaction whose marker is lost is not committed with the next one",
        },
      },
    ],
  },
  {
    number: 12,
    title: "The aborted list is empty, short, unsorted, or of another moment than the data",
    variants: [
      {
        breaks: "it is empty",
        file: "log/partition-log.ts",
        find: "if (completed?.isAborted) this.#segments.active.abortedIndex.append(completed);",
        replace: "",
        test: {
          file: logTransactions,
          name: "one producer that aborts twice within one fetch, and commits in between (fault 12)",
        },
      },
      {
        breaks: "it ends with the first transaction",
        file: "log/aborted-index.ts",
        find: "if (entry.lastStableOffset >= endOffset) return true;",
        replace: "return true;",
        test: {
          file: logTransactions,
          name: "one producer that aborts twice within one fetch, and commits in between (fault 12)",
        },
      },
      {
        breaks: "it is in the order of the markers",
        file: "log/segment-list.ts",
        find: "return found.sort((a, b) => a.firstOffset - b.firstOffset);",
        replace: "return found;",
        test: {
          file: logTransactions,
          name: "two producers whose aborts overlap are listed by first offset, not by marker (fault 12)",
        },
      },
      {
        breaks: "an index that is not what was saved is believed",
        file: "log/index-crcs.ts",
        find: "if (!this.#disk.exists(this.#path)) return false;",
        replace: "if (!this.#disk.exists(this.#path) || resumeOffset !== -1) return true;",
        test: {
          file: "src/log/bit-flips.test.ts",
          name: "of any .txnindex: aborted transactions and times are told as they are, and it is reported",
        },
      },
      {
        breaks: "an index without CRCs, which nothing vouches for, is believed as far as it can be right",
        file: "log/index-crcs.ts",
        find: "if (!this.#disk.exists(this.#path)) return false;",
        replace: "if (!this.#disk.exists(this.#path)) return true;",
        test: {
          file: "src/log/bit-flips.test.ts",
          name: "in a .txnindex without CRCs, as Apache Kafka's are, also of a transaction over segments: it is built anew, once",
        },
      },
      {
        breaks: "what was seen of an index that is damaged counts where it cannot be built anew",
        file: "log/segment.ts",
        find: "else this.#disownIndexes();",
        replace: "else this.#closeIndexes();",
        test: {
          file: "src/log/bit-flips.test.ts",
          name: "a wrong bit in a .txnindex that cannot be built anew: no aborted transaction is left out",
        },
      },
      {
        breaks: "CRCs that a version without them outdated count for all of the indexes",
        file: "log/index-crcs.ts",
        find: "saved.offset >= resumeOffset && this.#areAs(saved, true)",
        replace: "this.#areAs(saved, true)",
        test: {
          file: "src/log/index-crcs.test.ts",
          name: "a version without CRCs ran on, and saved longer indexes: those of before are not taken for all of them",
        },
      },
      {
        breaks: "it looks into one segment only",
        file: "log/segment-list.ts",
        find: "if (segment.abortedIndex.collect(fetchOffset, endOffset, found)) break;",
        replace: "segment.abortedIndex.collect(fetchOffset, endOffset, found);\n      break;",
        test: {
          file: logTransactions,
          name: "a transaction that spans segments is listed for each part of it, whichever segment the marker is in",
        },
      },
      {
        breaks: "it lists what begins behind the data",
        file: "log/aborted-index.ts",
        find: "if (entry.firstOffset < endOffset) found.push(entry);",
        replace: "found.push(entry);",
        test: { file: logTransactions, name: "lists no transaction of which nothing is in the answer" },
      },
    ],
  },
  {
    number: 13,
    title: "read_uncommitted shows aborted records and gets no list; read_committed stops at the last stable offset",
    variants: [
      {
        breaks: "read_committed reads up to the high watermark",
        file: "log/partition-log.ts",
        find: "const limitOffset = listsAborted ? this.lastStableOffset : this.highWatermark;",
        replace: "const limitOffset = this.highWatermark;",
        test: {
          file: logTransactions,
          name: "ends at the last stable offset; read_uncommitted shows all and lists nothing (fault 13)",
        },
      },
      {
        breaks: "read_uncommitted is given the list",
        file: "broker/handlers/fetch-reader.ts",
        find: 'abortedTransactions: this.#isolation === "read_committed" ? abortedTransactions : null,',
        replace: "abortedTransactions,",
        test: {
          file: brokerTests,
          name: "an aborted transaction is listed for read_committed, and not for read_uncommitted",
        },
      },
    ],
  },
  {
    number: 14,
    title: "Compaction keeps markers as long as they are needed, last sequences, open transactions, and offsets",
    variants: [
      {
        breaks: "a marker goes while batches of its transaction are there",
        file: "log/compaction/cleaned-transactions.ts",
        find: "return !this.#seen.delete(batch.producerId);",
        replace: "return true;",
        test: {
          file: compaction,
          name: "a marker stays as long as any batch of its transaction, and delete.retention.ms more",
        },
      },
      {
        breaks: "a marker stays for ever",
        file: "log/compaction/cleaned-transactions.ts",
        find: "return !this.#seen.delete(batch.producerId);",
        replace: "return false;",
        test: {
          file: compaction,
          name: "a marker stays as long as any batch of its transaction, and delete.retention.ms more",
        },
      },
      {
        breaks: "aborted records are the latest of their keys",
        file: "log/compaction/batch-cleaner.ts",
        find: "if (isAborted) return nothing();",
        replace: "",
        test: { file: compaction, name: "aborted records go, committed ones are like any other" },
      },
      {
        breaks: "a producer's last batch goes, and its sequence with it",
        file: "log/compaction/batch-cleaner.ts",
        find: "const mustStay = isLast || this.#isLastOfProducer(batch);",
        replace: "const mustStay = isLast;",
        test: {
          file: compaction,
          name: "the last batch of each stays, without records when need be, and with its sequence",
        },
      },
      {
        breaks: "records of an open transaction are compacted",
        file: "log/compaction/log-compaction.ts",
        find: "limitOffset: Math.min(decidedOffset, recoveryOffset),",
        replace: "limitOffset: recoveryOffset,",
        test: { file: compaction, name: "nothing of an open one, or behind its first record, is touched" },
      },
      {
        breaks: "a segment's last batch goes, and readers do not get over its offsets",
        file: "log/compaction/batch-cleaner.ts",
        find: "const mustStay = isLast || this.#isLastOfProducer(batch);",
        replace: "const mustStay = this.#isLastOfProducer(batch);",
        test: {
          file: compaction,
          name: "the last batch of a segment stays, if need be without them, so that readers get over its end (fault 15)",
        },
      },
      {
        breaks: "the next start takes gaps for damage",
        file: "log/recovery.ts",
        find: "isGap && batch.nextOffset > gaplessFrom",
        replace: "isGap",
        test: {
          file: "src/log/recovery.test.ts",
          name: "gaps that compaction left below the recovery point are no damage (fault 14)",
        },
      },
    ],
  },
  {
    number: 15,
    title: "A fetch at an offset inside a batch returns the whole batch; a marker can be the last offset",
    variants: [
      {
        breaks: "the batch that holds the offset is left out",
        file: "log/log-reader.ts",
        find: "const { segment, position } = found;\n  const wanted =",
        replace:
          "const { segment } = found;\n  const position = found.position + (found.baseOffset < offset ? found.sizeBytes : 0);\n  const wanted =",
        test: {
          file: "src/log/partition-log.test.ts",
          name: "at 1 begins with the whole batch that holds it (fault 15)",
        },
      },
      {
        breaks: "a marker does not move the last stable offset over itself",
        file: "log/producer-state.ts",
        find: "const lastStableOffset = this.firstUndecidedOffset ?? offset + 1;",
        replace: "const lastStableOffset = this.firstUndecidedOffset ?? offset;",
        test: { file: producerState, name: "says what it ended, and below which offset all was decided then" },
      },
    ],
  },
  {
    number: 16,
    title: "A snapshot taken while compaction or deletion runs leaves no dangling open transaction",
    variants: [
      {
        breaks: "compaction leaves snapshots of the log as it was",
        file: "log/compaction/log-compaction.ts",
        find: "await this.#log.forgetSnapshotsBelow(cleaned.nextOffset);",
        replace: "",
        test: {
          file: compaction,
          name: "no snapshot of before is taken up: it may show a transaction open whose marker is gone (fault 16)",
        },
      },
      {
        breaks: "the newest snapshot goes with the records below it",
        file: "log/checkpoints.ts",
        find: "this.queue(() => this.#removeSnapshots((each) => each < offset && each !== this.#soundSnapshotOffset));",
        replace: "this.queue(() => this.#removeSnapshots((each) => each <= offset));",
        test: { file: "src/log/retention.test.ts", name: "snapshots go with their segments, but for the newest one" },
      },
      {
        breaks: "open transactions are not in the snapshot",
        file: "log/producer-snapshot.ts",
        find: "writer.int64(entry.txnFirstOffset);",
        replace: "writer.int64(-1);",
        test: { file: logTransactions, name: "is the same after a restart, clean or not" },
      },
    ],
  },
  {
    number: 17,
    title:
      "Torn tail, short write, bit flip, full disk, failed fsync: found, and only what was never acknowledged is cut",
    variants: [
      {
        breaks: "no CRC is checked after a crash",
        file: "log/recovery.ts",
        find: 'if (!batch.hasValidCrc()) return { position, text: "the CRC does not match" };',
        replace: "",
        test: {
          file: "src/log/recovery.test.ts",
          name: "with zeros from any byte on, the log ends before the batch that has them",
        },
      },
      {
        breaks: "a reader gets a leader epoch as it stands in the batch, where no CRC covers it",
        file: "log/log-reader.ts",
        find: 'epochs.problemOf(batch) : "the CRC does not match"',
        replace: 'undefined : "the CRC does not match"',
        test: {
          file: "src/log/bit-flips.test.ts",
          name: "is found by whoever reads it first, 1 bytes at a time, and by a look-up by time",
        },
      },
      {
        breaks: "batches of a leader epoch come before it is saved, and pass for damage after a kill",
        file: "log/partition-log.ts",
        find: "else await this.#checkpoints.settled();",
        replace: "",
        test: {
          file: "src/log/checkpoints.test.ts",
          name: "durability os: a new one is saved before anything of it is written",
        },
      },
      {
        breaks: "epochs that were learned from batches, one of them wrong, are held against others",
        file: "log/checkpoints.ts",
        find: "if (!epochs.areSure) {",
        replace: "if (epochs.areSure && false) {",
        test: {
          file: "src/log/bit-flips.test.ts",
          name: "cuts nothing behind the recovery point, nor does one in an offset or a length; no later start does",
        },
      },
      {
        breaks: "the log is cut where it had been acknowledged",
        file: "log/recovery.ts",
        find: "this.#recoveryPoint = durableOffset;",
        replace: "this.#recoveryPoint = 0 * durableOffset;",
        test: {
          file: "src/log/recovery.test.ts",
          name: "a wrong bit, found when the snapshot is damaged too and all must be scanned",
        },
      },
      {
        breaks: "a read that the system ends before a page that the disk has lost is taken for the file's end",
        file: "platform/node/disk.ts",
        find: "if (more === 0) break;",
        replace: "if (count + more > 0) return count + more;",
        test: {
          file: "src/platform/disk.test.ts",
          name: "node: what cannot be read is not the file's end",
        },
      },
      {
        breaks: "a read that comes short is taken for the log's end",
        file: "log/batch-window.ts",
        find: "if (this.#file.size() >= this.#endPosition) throw",
        replace: "if (this.#length < 0) throw",
        test: {
          file: "src/log/disk-faults.test.ts",
          name: "a page that cannot be read > in a read that comes short keeps the log closed, and nothing of it is cut",
        },
      },
      {
        breaks: "a folder that cannot be looked at is taken for one that is lost",
        file: "platform/node/disk.ts",
        find: "if (ABSENCES.has((error as NodeJS.ErrnoException).code)) return false;",
        replace: "if (error) return false;",
        test: {
          file: "src/broker/start.test.ts",
          name: "is not one of which a folder cannot be looked at: it is not made anew",
        },
      },
      {
        breaks: "a file whose close failed is closed again, which may be another one by then",
        file: "platform/node/disk.ts",
        find: "this.#openFd = undefined;",
        replace: "",
        test: { file: "src/platform/disk.test.ts", name: "node: a file whose close failed is closed" },
      },
      {
        breaks: "a failed sync is tried again",
        file: "log/group-commit.ts",
        find: "if (error) this.#onFailure(error);\n    else if (this.#isWanted) this.#schedule();",
        replace: "if (error || this.#isWanted) this.#schedule();",
        test: { file: "src/log/group-commit.test.ts", name: "a failed sync (fault 17) > is never tried again" },
      },
      {
        breaks: "what a failed sync left in the page cache alone passes for durable at the next start",
        file: "log/failed-sync.ts",
        find: "await renewFile(this.#options, name);",
        replace: "void renewFile;",
        test: {
          file: "src/log/power-loss.test.ts",
          name: "does not take what is acknowledged after a sync that failed and a start without a reboot, in one segment",
        },
      },
      {
        breaks: "a failed sync is not marked before all others have ended, nor then",
        file: "log/log-sync.ts",
        find: "file.sync().catch(failed)",
        replace: "file.sync()",
        test: {
          file: "src/log/disk-faults.test.ts",
          name: "a sync that fails > leaves that word at once, while another file's sync is under way, and once",
        },
      },
      {
        breaks: "a file is closed while it is being synced, and its number may be another log's by then",
        file: "log/partition-log.ts",
        find: "await allEnded(active.saveIndexes()",
        replace: "await Promise.all(active.saveIndexes()",
        test: {
          file: "src/log/disk-faults.test.ts",
          name: "a sync that fails > during close lets go of no file for as long as another is being synced",
        },
      },
      {
        breaks: "a topic is synced, and the coordinators' logs that its records rest on are not",
        file: "broker/partitions.ts",
        find: 'return isSynced ? { ...config, durability: "fsync" } : config;',
        replace: "return isSynced ? { ...config } : config;",
        test: {
          file: durability,
          name: "durability os: what a synced topic's records rest on survives a power loss as they do",
        },
      },
      {
        breaks: "a log whose sync found no room is opened again",
        file: "log/log-sync.ts",
        find: 'if (outcome.status === "rejected") throwFailedSync(outcome.reason);',
        replace: 'if (outcome.status === "rejected") throw outcome.reason;',
        test: {
          file: "src/broker/full-disk.test.ts",
          name: "a log whose files could not be synced stays offline, also when there was no room for that",
        },
      },
      {
        breaks: "a file that may not grow ends its partition's writes",
        file: "log/log-writer.ts",
        find: "if (!isTooLarge(error) || active.sizeBytes === 0) throw error;",
        replace: "if (active.sizeBytes >= 0) throw error;",
        test: {
          file: "src/log/disk-faults.test.ts",
          name: "a file that may not grow > is a full segment, and the next one begins",
        },
      },
      {
        breaks: "a log whose sync failed while there were no descriptors is opened again",
        file: "log/log-sync.ts",
        find: "    folderSynced.catch(() => {});",
        replace: "    await folderSynced;",
        test: {
          file: "src/log/disk-faults.test.ts",
          name: "too many open files (EMFILE) > do not excuse a file whose sync has failed at the same time",
        },
      },
    ],
  },
  {
    number: 18,
    title: "Deletion and recreation, DeleteRecords and retention move the log's start past an open transaction",
    variants: [
      {
        breaks: "a checkpoint of the cleaner that was not saved once keeps every compacted topic from being deleted",
        file: "broker/log-cleaner.ts",
        find: "this.#saving = saved.catch(() => {});",
        replace: "this.#saving = saved;",
        test: {
          file: "test/client/compaction.test.ts",
          name: "that could not be deleted durably, for want of descriptors, leaves its place to another of its name all the same",
        },
      },
      {
        breaks: "the last stable offset stays behind the log's start",
        file: "log/watermarks.ts",
        find: "this.#lastStableOffset = Math.max(this.#lastStableOffset, logStartOffset);",
        replace: "",
        test: {
          file: logTransactions,
          name: "stays at the log's start when that moves past an open transaction (fault 18)",
        },
      },
      {
        breaks: "a transaction whose topic is gone waits for its marker for ever",
        file: "broker/marker-writer.ts",
        find: 'error === "UNKNOWN_TOPIC_OR_PARTITION" ||',
        replace: "",
        test: { file: brokerTests, name: "with a transaction open in it does not hold up the transaction" },
      },
      {
        breaks: "offsets go with their topic only when another of its name may have some",
        file: "broker/handlers/delete-topics.ts",
        find: "topics.delete(finders, quota).finally(() => {",
        replace: "topics.delete(finders, quota).finally(async () => {\n        await topics.forget(found);",
        test: { file: "src/broker/deletion.test.ts", name: "keeps what is committed in it in a transaction" },
      },
      {
        breaks: "who asks for all offsets gets those of a former topic of the same name",
        file: "coordinator/group/offset-fetch.ts",
        find: "if (isSameTopic(core.topics.topic(topic)?.id ?? ZERO_UUID, committed.topicId)) add(",
        replace: "add(",
        test: {
          file: "src/coordinator/group/offsets.test.ts",
          name: "do not pass to another topic of the same name where all are asked for, also after a crash in its deletion",
        },
      },
    ],
  },
  {
    number: 19,
    title: "A commit that reports an error has not been applied",
    variants: [
      {
        breaks: "offsets that the log has refused are applied all the same",
        file: "broker/coordinator-shard.ts",
        find: "this.#refused(step, outcome.error, outcome.message);\n        return;",
        replace: "this.#refused(step, outcome.error, outcome.message);",
        test: {
          file: "src/broker/coordinator-shard.test.ts",
          name: "a record that the log refuses because of its producer is answered so, and nothing has changed",
        },
      },
      {
        breaks: "a commit that is refused has its records written",
        file: "coordinator/group/offset-commit.ts",
        find: "turn.answer(respond, refuseAllTransactional(request, error));\n    return;",
        replace: "turn.answer(respond, refuseAllTransactional(request, error));",
        test: {
          file: "src/coordinator/group/faults.test.ts",
          name: "fault 19: a commit that reports an error has not been applied > holds",
        },
      },
      {
        breaks: "metadata that is too long is told, and written",
        file: "coordinator/group/offset-commit.ts",
        find: "return { partitionIndex, errorCode: errorCodes.OFFSET_METADATA_TOO_LARGE };",
        replace:
          "turn.records.push(recordWith(metadata));\n    return { partitionIndex, errorCode: errorCodes.OFFSET_METADATA_TOO_LARGE };",
        test: {
          file: "src/coordinator/group/faults.test.ts",
          name: "holds for each partition of one commit by itself",
        },
      },
      {
        breaks: "a member's commit of a partition that it has no more is told so, and written",
        file: "coordinator/group/offset-commit.ts",
        find: "turn.answer(respond, refuseAll(request, error));\n    return;",
        replace: "turn.answer(respond, refuseAll(request, error));",
        test: { file: consumerGroups, name: "19: a commit that reports an error is not applied" },
      },
    ],
  },
  {
    number: 20,
    title: "Members that join at the same moment, die in the middle of a rebalance, or change the protocol",
    variants: [
      {
        breaks: "a partition goes to its next owner at once",
        file: "coordinator/group/consumer-group/reconcile.ts",
        find: "if (group.isFreeFor(memberId, topicId, partition)) put",
        replace: "if (group.isFreeFor(memberId, topicId, partition) || true) put",
        test: {
          file: consumerGroups,
          name: "20: members join at the same moment, and the power fails between two steps of a member",
        },
      },
      {
        breaks: "what a member has yet to give up is forgotten with the power",
        file: "coordinator/group/consumer-group/records.ts",
        find: "partitionsPendingRevocation: heldToWire(member.pendingRevocation),",
        replace: "partitionsPendingRevocation: [],",
        test: {
          file: consumerGroups,
          name: "20: members join at the same moment, and the power fails between two steps of a member",
        },
      },
      {
        breaks: "a late heartbeat says that what its member got since is given up",
        file: "coordinator/group/consumer-group/reconcile.ts",
        find: "return { memberEpoch: reached, previousMemberEpoch: memberEpoch };",
        replace: "return { memberEpoch: reached, previousMemberEpoch: memberEpoch - 1 };",
        test: {
          file: "src/coordinator/group/consumer-group/stories.test.ts",
          name: "a late heartbeat of an epoch before does not give up what was got since",
        },
      },
      {
        breaks: "a commit at the present epoch counts for what another member has by now",
        file: "coordinator/group/consumer-group/commit-check.ts",
        find: "return partitions.every(({ topicId, partition }) => group.isFreeFor(memberId, topicId, partition));",
        replace: "return partitions.length >= 0;",
        test: {
          file: consumerGroups,
          name: "20: a late heartbeat seems to give up what its member got since at the same epoch",
        },
      },
      {
        breaks: "a classic member commits what the last generation took from it and another member has by now",
        file: "coordinator/group/consumer-group/commit-check.ts",
        find: "if (member.classic) return isPresent",
        replace: "if (member.classic) return memberEpoch === member.memberEpoch",
        test: {
          file: migration,
          name: "a group goes over while a member has yet to give up what the last generation took away",
        },
      },
      {
        breaks: "a silent member keeps what others wait for",
        file: "coordinator/group/consumer-group/sessions.ts",
        find: 'startTimer(core, group.groupId, member.memberId, "session", now + timeoutMs);',
        replace: "",
        test: { file: consumerGroups, name: "20: a session ends while others wait for what its member has" },
      },
      {
        breaks: "a classic group that goes over forgets who has what",
        file: "coordinator/group/consumer-group/migration.ts",
        find: "put(assigned, topicId, partition, group.generationId);",
        replace: "",
        test: { file: migration, name: "a group goes over with its first new member, and back with its last" },
      },
      {
        breaks: "members that wait for a classic generation are left waiting when their group goes over",
        file: "coordinator/group/consumer-group/migration.ts",
        find: "sendBack(core, turn, classic, members);",
        replace: "",
        test: { file: migration, name: "a group goes over while its members wait for each other" },
      },
      {
        breaks: "who was dropped comes into a generation with what it had",
        file: "coordinator/group/consumer-group/classic-member-requests.ts",
        find: 'subscription.owned.length > 0 ? "UNKNOWN_MEMBER_ID"',
        replace: 'subscription.owned.length < 0 ? "UNKNOWN_MEMBER_ID"',
        test: { file: classicMembers, name: "must give up what they have when the group has dropped them" },
      },
      {
        breaks: "a static member that was to give something up is let in again in silence",
        file: "coordinator/group/join.ts",
        find: " && !isOwing",
        replace: "",
        test: { file: staticMembers, name: "that was to give something up is not let in again in silence" },
      },
      {
        breaks: "a static member that takes a classic group over leaves with nobody what is nobody's",
        file: "coordinator/group/consumer-group/advance.ts",
        find: "subscriptions.hash !== group.metadataHash;",
        replace: "(group.metadataHash !== 0 && subscriptions.hash !== group.metadataHash);",
        test: {
          file: staticMembers,
          name: "a static member's new life finds what a cooperative rebalance had taken away and not given on",
        },
      },
      {
        breaks: "a group goes back to the classic protocol in the generation before the one that it answered",
        file: "coordinator/group/consumer-group/migration.ts",
        find: '"joining" in change ? change.epoch : group.epoch',
        replace: "group.epoch",
        test: { file: staticMembers, name: "a static member reads something else when it changes its protocol" },
      },
      {
        breaks: "a crash leaves a group that went back to the classic protocol with partitions that nobody reads",
        file: "coordinator/group/consumer-group/migration.ts",
        find: "for (const member of going) members.set(member.memberId, member);",
        replace: 'if ("leaving" in change) for (const member of going) members.set(member.memberId, member);',
        test: {
          file: staticMembers,
          name: "a static member changes its protocol while another waits for what it has, and the broker dies",
        },
      },
      {
        breaks: "a task is active at its next owner at once",
        file: "coordinator/group/streams-group/reconcile.ts",
        find: "if (active.has(key) || inProcess.has(key)) isComplete = false;",
        replace: "if (inProcess.has(key)) isComplete = false;",
        test: {
          file: streamsGroups,
          name: "20: members join at the same moment, and the power fails between two steps of a member",
        },
      },
      {
        breaks: "what a member of a streams group has yet to give up is forgotten with the power",
        file: "coordinator/group/streams-group/records.ts",
        find: "activeTasksPendingRevocation: withEpochs(pendingRevocation.active),",
        replace: "activeTasksPendingRevocation: [],",
        test: {
          file: streamsGroups,
          name: "20: members join at the same moment, and the power fails between two steps of a member",
        },
      },
    ],
  },
  {
    number: 21,
    title: "A stalled member returns after its partitions moved: its commits are refused",
    variants: [
      {
        breaks: "any member may commit",
        file: "coordinator/group/offset-commit.ts",
        find: 'if (error !== "NONE") return error;\n  return claim.generationId',
        replace: 'if (error !== "NONE") return "NONE";\n  return claim.generationId',
        test: {
          file: classicGroups,
          name: "fault 21: a stalled member returns after its partitions have moved > holds",
        },
      },
      {
        breaks: "a commit at an epoch of before counts for partitions that have moved since",
        file: "coordinator/group/consumer-group/commit-check.ts",
        find: "return heldSince !== undefined && heldSince <= memberEpoch;",
        replace: "return heldSince !== 0;",
        test: { file: consumerGroups, name: "19: a commit that reports an error is not applied" },
      },
      {
        breaks: "who joins once more keeps what it had, and may commit what it read before",
        file: "coordinator/group/consumer-group/advance.ts",
        find: "isJoining ? beginAnew(member, target.epoch) : member",
        replace: "member",
        test: { file: consumerGroups, name: "19: who joined once more commits what it read before" },
      },
      {
        breaks: "who was taken out of a consumer group is still let to commit",
        file: "coordinator/group/consumer-group/commit-check.ts",
        find: 'if (!member) return "UNKNOWN_MEMBER_ID";\n  const isPresent',
        replace: 'if (!member) return "NONE";\n  const isPresent',
        test: { file: consumerGroups, name: "21: a stalled member returns after its partitions moved" },
      },
      {
        breaks: "who joins a streams group once more keeps what it had, and may commit what it read before",
        file: "coordinator/group/streams-group/advance.ts",
        find: "isJoining ? beginAnew(member, target.epoch) : member",
        replace: "member",
        test: { file: streamsGroups, name: "21: who joined once more commits what it read before" },
      },
      {
        breaks: "who was taken out of a streams group is still let to commit",
        file: "coordinator/group/streams-group/commit-check.ts",
        find: 'const member = group.members.get(memberId);\n  if (!member) return "UNKNOWN_MEMBER_ID";\n  if (apiVersion',
        replace: 'const member = group.members.get(memberId);\n  if (!member) return "NONE";\n  if (apiVersion',
        test: { file: streamsGroups, name: "21: a stalled member returns after its tasks moved" },
      },
    ],
  },
  {
    number: 23,
    title: "One batch of several in flight fails: the order holds and no sequence is skipped",
    variants: [
      {
        breaks: "several batches are open before the broker has one of the producer's",
        file: "client/producer/sequences.ts",
        find: "this.#knownProducerId === identity.producerId ? MAX_OPEN_BATCHES : 1;",
        replace: "MAX_OPEN_BATCHES;",
        test: { file: refusedFirst, name: "an idempotent producer stores each record once, in order" },
      },
      {
        breaks: "a batch is sent again before the fate of those before it is known",
        file: "client/producer/sequences.ts",
        find: "return this.#open[0] === batch;",
        replace: "return this.#open.includes(batch);",
        test: {
          file: "src/client/producer/sequences.test.ts",
          name: "are kept by a batch until its fate is known; only the first may be sent again",
        },
      },
      {
        breaks: "the numbers of a refused batch are skipped",
        file: "client/producer/sequences.ts",
        find: "else this.#hasGap = true;",
        replace: "else this.#hasGap = false;",
        test: {
          file: "src/client/producer/sequences.test.ts",
          name: "of a refused batch are given again when none was numbered behind it",
        },
      },
      {
        breaks: "the numbers of a refused batch are given again although it may be in the log",
        file: "client/producer/verdict.ts",
        find: 'situation.isInDoubt ? "unknown" : verdict;',
        replace: "situation.isInDoubt ? verdict : verdict;",
        test: { file: produceFaults, name: "INVALID_TIMESTAMP, and its numbers are not given to the next one" },
      },
      {
        breaks: "a batch of unknown fate is overtaken by so many that the broker forgets it",
        file: "client/producer/sequences.ts",
        find: "this.#openBeforeLost === undefined && this.#overtaken === 0;",
        replace: "this.#openBeforeLost === undefined;",
        test: {
          file: produceFaults,
          name: "nothing is sure about one batch, again and again, while those behind it are acknowledged",
        },
      },
      {
        breaks: "a batch that may be in the log is numbered anew with those behind a gap",
        file: "client/producer/sequences.ts",
        find: "this.#hasGap && this.#overtaken === 0 && !this.#open[0]?.isInDoubt;",
        replace: "this.#hasGap;",
        test: {
          file: produceFaults,
          name: "a batch that may be in the log keeps its numbers when the one behind it is refused",
        },
      },
      {
        breaks: "a topic made anew is taken to know the producer as the old one did",
        file: "client/producer/partition-queue.ts",
        find: "const isSure = topicId === this.#acknowledgedTopicId && now",
        replace: "const isSure = topicId !== '' && now",
        test: {
          file: produceFaults,
          name: "a topic made anew, whose log knows no producer, gets the records in the order in which they were given",
        },
      },
      {
        breaks: "a leader is taken to remember a producer for ever",
        file: "client/producer/partition-queue.ts",
        find: "now - this.#acknowledgedAt <= REMEMBERED_MS;",
        replace: "now >= this.#acknowledgedAt;",
        test: {
          file: "src/client/producer/partition-queue.test.ts",
          name: "one is, where the leader may have forgotten the producer: the last one was acknowledged long ago",
        },
      },
    ],
  },
];
