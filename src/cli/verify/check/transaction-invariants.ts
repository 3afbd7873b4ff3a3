/** What transactions add: all or nothing, and nothing before it is decided. */
import type { TransactionEntry } from "../history.ts";
import { type Evidence, type Invariant, isTrimmed, namedPartitions, nameOf, readCount } from "./invariant.ts";

/** A committed transaction's records are all there and count, an aborted one's do not; of an unknown one it is all or none. */
export class Atomicity implements Invariant {
  readonly name = "atomicity";
  readonly promise = "of a transaction all records count or none, as its producer was told";

  examined({ history }: Evidence): number {
    return history.transactions.length;
  }

  *violations(evidence: Evidence): Iterable<string> {
    const fates = new Map<string, string>();
    for (const { records } of namedPartitions(evidence)) {
      for (const { id, fate } of records) if (id !== undefined) fates.set(id, fate);
    }
    for (const transaction of evidence.history.transactions) {
      const records = transaction.records.filter((record) => !isTrimmed(evidence, record));
      yield* this.#check({ ...transaction, records }, fates);
    }
  }

  *#check(transaction: TransactionEntry, fates: ReadonlyMap<string, string>): Iterable<string> {
    const { id, outcome, records } = transaction;
    const committed = records.filter((record) => fates.get(record.id) === "committed");
    const others = records.filter((record) => fates.get(record.id) !== "committed");
    const [first, other] = [committed[0], others[0]];
    const mayCommit = transaction.commitAskedAt !== undefined && outcome !== "aborted";
    if (first && !mayCommit)
      yield `transaction ${id} was not committed (${outcome}), and its record ${first.id} counts`;
    if (other && outcome === "committed") {
      yield `transaction ${id} was committed, and its record ${other.id} for ${nameOf(other)} is ${fates.get(other.id) ?? "not in the log"}`;
    }
    if (first && other) {
      yield `transaction ${id} (${outcome}) is torn: ${first.id} counts, ${other.id} is ${fates.get(other.id) ?? "not in the log"}`;
    }
  }
}

/** A reader of committed records sees none before its transaction's commit was asked for. Of aborted ones it sees none at
 * all: that is part of agreement. */
export class Isolation implements Invariant {
  readonly name = "isolation";
  readonly promise = "a reader of committed records sees none before its transaction's commit was asked for";

  examined({ history }: Evidence): number {
    return readCount(history.reads.filter(({ isolation }) => isolation === "read_committed"));
  }

  *violations({ history }: Evidence): Iterable<string> {
    for (const reads of history.reads) {
      if (reads.isolation !== "read_committed") continue;
      for (const { id, at, offset } of reads.records) {
        const transaction = history.sent.get(id ?? "")?.transaction;
        if (!transaction) continue;
        if (transaction.commitAskedAt === undefined || transaction.commitAskedAt > at) {
          yield `${reads.reader} read ${id} at ${nameOf(reads)} offset ${offset} before its commit was asked for`;
        }
      }
    }
  }
}

/** Once the faults are over, every transaction is ended. */
export class NoHangingTransaction implements Invariant {
  readonly name = "no transaction hangs";
  readonly promise = "once the faults are over, every transaction is ended";

  examined({ stored }: Evidence): number {
    return [...stored.values()].filter(({ records }) => records.some(({ fate }) => fate !== "plain")).length;
  }

  *violations({ stored }: Evidence): Iterable<string> {
    for (const partition of stored.values()) {
      const open = partition.records.find(({ fate }) => fate === "open");
      if (open)
        yield `${nameOf(partition)} has an open transaction of producer ${open.producerId} from offset ${open.offset} on`;
    }
  }
}
