/** Atomic broadcast, partition by partition: what producers were told and what readers saw, against the log. */
import type { History, Moment, Observation, PartitionReads, SentRecord } from "../history.ts";
import { type Evidence, type Invariant, isTrimmed, namedPartitions, nameOf, readCount, visible } from "./invariant.ts";
import type { StoredRecord } from "./stored-partition.ts";

/** What a producer was acknowledged is read by those who read as far, unless its transaction was not committed. In the end
 * somebody of each isolation reads everything. */
export class Validity implements Invariant {
  readonly name = "validity";
  readonly promise = "what was acknowledged is read by everyone who reads as far, unless it was aborted";

  examined(evidence: Evidence): number {
    let count = 0;
    for (const _ of this.#readings(evidence)) count++;
    return count;
  }

  *violations(evidence: Evidence): Iterable<string> {
    for (const { record, reads, isRead } of this.#readings(evidence)) {
      if (isRead) continue;
      yield `${record.id} was acknowledged at ${nameOf(record)} offset ${record.offset}, and ${reads.reader} did not read it`;
    }
    const readers = Map.groupBy(evidence.history.reads, nameOf);
    for (const partition of namedPartitions(evidence)) {
      for (const isolation of ["read_committed", "read_uncommitted"]) {
        const ofIsolation = (readers.get(nameOf(partition)) ?? []).filter((reads) => reads.isolation === isolation);
        if (ofIsolation.some(({ isFromStart, readTo }) => isFromStart && readTo >= partition.endOffset)) continue;
        yield `no reader (${isolation}) got to the end of ${nameOf(partition)}, ${partition.endOffset}`;
      }
    }
  }

  /** Each reader beside each record that it has to have read. */
  *#readings(
    evidence: Evidence,
  ): Iterable<{ readonly record: SentRecord; readonly reads: PartitionReads; readonly isRead: boolean }> {
    const sent = Map.groupBy(evidence.history.sent.values(), nameOf);
    for (const reads of evidence.history.reads) {
      if (!reads.isFromStart || reads.readTo === 0) continue;
      const read = new Set(reads.records.map(({ id }) => id));
      const endOffset = evidence.stored.get(nameOf(reads))?.endOffset ?? 0;
      for (const record of sent.get(nameOf(reads)) ?? []) {
        if (record.outcome !== "acknowledged" || isTrimmed(evidence, record)) continue;
        // Of unknown place: below the log's end at least.
        if ((record.offset >= 0 ? record.offset + 1 : endOffset) > reads.readTo) continue;
        const counts = record.transaction === undefined || record.transaction.outcome === "committed";
        if (counts || reads.isolation === "read_uncommitted") yield { record, reads, isRead: read.has(record.id) };
      }
    }
  }
}

/** What a producer was acknowledged is in the log, where it was said to be, also after the last power loss. */
export class AcknowledgedSurvives implements Invariant {
  readonly name = "acknowledged survives";
  readonly promise = "what was acknowledged is in the log, where it was said to be, through every crash";

  examined({ history }: Evidence): number {
    return acknowledgedCount(history);
  }

  *violations(evidence: Evidence): Iterable<string> {
    const byId = recordsById(evidence);
    for (const sent of evidence.history.sent.values()) {
      if (sent.outcome !== "acknowledged" || isTrimmed(evidence, sent)) continue;
      const found = byId.get(sent.id);
      if (!found) yield `${sent.id} was acknowledged at ${nameOf(sent)} offset ${sent.offset} and is not in the log`;
      else if (sent.offset >= 0 && sent.offset !== found.offset) {
        yield `${sent.id} was acknowledged at ${nameOf(sent)} offset ${sent.offset} and stands at ${found.offset}`;
      }
    }
  }
}

/** Every record is in one place, and was sent there; no offset ever holds two records. */
export class Integrity implements Invariant {
  readonly name = "integrity";
  readonly promise = "every record is in the log once, and was sent there; no offset ever holds two records";

  examined(evidence: Evidence): number {
    return recordCount(evidence);
  }

  *violations(evidence: Evidence): Iterable<string> {
    const { history, stored } = evidence;
    const seen = new Map<string, string>();
    for (const partition of namedPartitions(evidence)) {
      for (const { id, offset } of partition.records) {
        if (id === undefined) continue;
        const place = `${nameOf(partition)} offset ${offset}`;
        const earlier = seen.get(id);
        if (earlier !== undefined) yield `${id} stands at ${earlier} and at ${place}`;
        seen.set(id, place);
        const sent = history.sent.get(id);
        if (!sent) yield `${id} at ${place} was never sent`;
        else if (nameOf(sent) !== nameOf(partition)) yield `${id} at ${place} was sent to ${nameOf(sent)}`;
      }
    }
    yield* this.#changedOffsets(history.reads, stored);
  }

  *#changedOffsets(reads: readonly PartitionReads[], stored: Evidence["stored"]): Iterable<string> {
    for (const [name, ofPartition] of Map.groupBy(reads, nameOf)) {
      const held = new Map<number, { readonly checksum: number; readonly by: string }>();
      for (const { offset, checksum } of stored.get(name)?.records ?? []) held.set(offset, { checksum, by: "the log" });
      for (const { reader, records } of ofPartition) {
        for (const { offset, checksum, id } of records) {
          const known = held.get(offset);
          if (!known) held.set(offset, { checksum, by: reader });
          else if (known.checksum !== checksum) {
            yield `${name} offset ${offset} holds ${id} for ${reader} and another record for ${known.by}`;
          }
        }
      }
    }
  }
}

/** Readers read on, never back; a producer's records stand in the order in which it sent them. */
export class TotalOrder implements Invariant {
  readonly name = "total order";
  readonly promise = "readers read on, never back; a producer's records stand in the order in which it sent them";

  examined(evidence: Evidence): number {
    return recordCount(evidence);
  }

  *violations(evidence: Evidence): Iterable<string> {
    const { history } = evidence;
    for (const reads of history.reads) {
      let last = -1;
      for (const { offset } of reads.records) {
        if (offset <= last) yield `${reads.reader} read offset ${offset} of ${nameOf(reads)} after ${last}`;
        last = offset;
      }
    }
    const sentAs = new Map([...history.sent.keys()].map((id, index) => [id, index]));
    for (const partition of namedPartitions(evidence)) {
      const lastOf = new Map<string, StoredRecord>();
      for (const record of partition.records) {
        const session = history.sent.get(record.id ?? "")?.session;
        if (session === undefined) continue;
        const last = lastOf.get(session);
        if (last && orderOf(sentAs, last) > orderOf(sentAs, record)) {
          yield `${nameOf(partition)} holds ${last.id} before ${record.id}, which was sent first`;
        }
        lastOf.set(session, record);
      }
    }
  }
}

/** What a reader has seen between its first record and its last is what the log holds there: no more, no less. */
export class Agreement implements Invariant {
  readonly name = "agreement";
  readonly promise = "what a reader saw is what the log holds for its isolation: nothing missing, nothing more";

  examined({ history }: Evidence): number {
    return readCount(history.reads);
  }

  *violations({ history, stored }: Evidence): Iterable<string> {
    for (const reads of history.reads) {
      const partition = stored.get(nameOf(reads));
      const range = rangeOf(reads, partition?.startOffset ?? 0);
      if (!partition || !range) continue;
      const expected = visible(partition, reads.isolation).filter(
        ({ offset }) => offset >= range.from && offset < range.to,
      );
      const read = new Map(reads.records.map((record) => [record.offset, record]));
      for (const { offset, id } of expected) {
        if (!read.has(offset))
          yield `${reads.reader} (${reads.isolation}) missed ${nameOf(reads)} offset ${offset}: ${id}`;
      }
      const known = new Set(expected.map(({ offset }) => offset));
      for (const { offset, id } of reads.records) {
        if (!known.has(offset) && offset >= partition.startOffset) {
          yield `${reads.reader} (${reads.isolation}) read ${nameOf(reads)} offset ${offset}, which it should not see: ${id}`;
        }
      }
    }
  }
}

/** The high watermark, the last stable offset and the log's start never go back, and lie behind what was read. */
export class NothingGoesBack implements Invariant {
  readonly name = "offsets never go back";
  readonly promise = "high watermark, last stable offset and log start only grow, and lie behind what was read";

  examined({ history }: Evidence): number {
    return history.observations.length;
  }

  *violations({ history }: Evidence): Iterable<string> {
    const observed = Map.groupBy(history.observations, (each) => `${nameOf(each)} ${each.kind}`);
    for (const [what, answers] of observed)
      yield* this.#check(answers, answers.map(asSighting), (earlier) => `${what} was ${earlier}`);
    for (const reads of history.reads) {
      const kind = reads.isolation === "read_committed" ? "last stable offset" : "high watermark";
      const answers = observed.get(`${nameOf(reads)} ${kind}`) ?? [];
      const sightings = reads.records.map(({ offset, at }) => ({ offset: offset + 1, at }));
      yield* this.#check(
        answers,
        sightings,
        (earlier) => `${reads.reader} read ${nameOf(reads)} up to ${earlier}, its ${kind} was`,
      );
    }
  }

  /** Who asks after a sighting must not be answered less. `sightings` are in the order of time. */
  *#check(
    answers: readonly Observation[],
    sightings: readonly Sighting[],
    describe: (offset: number) => string,
  ): Iterable<string> {
    const inOrder = answers.toSorted((a, b) => a.askedAt - b.askedAt);
    let next = 0;
    let highest = 0;
    for (const { askedAt, offset } of inOrder) {
      for (let sighting = sightings[next]; sighting && sighting.at < askedAt; sighting = sightings[++next]) {
        highest = Math.max(highest, sighting.offset);
      }
      if (offset < highest) yield `${describe(highest)}, and later ${offset}`;
    }
  }
}

/** What was shown of a log is there in the end: it has no earlier start and no earlier end, also after the last power loss. */
export class ShownStays implements Invariant {
  readonly name = "what was shown stays";
  readonly promise = "the log has no earlier start and no earlier end than was once told, through every crash";

  examined({ history }: Evidence): number {
    return history.observations.length;
  }

  *violations({ history, stored }: Evidence): Iterable<string> {
    for (const observation of history.observations) {
      const partition = stored.get(nameOf(observation));
      if (!partition) continue;
      const { kind, offset } = observation;
      const isStart = kind === "earliest";
      const left = isStart ? partition.startOffset : partition.endOffset;
      if (left < offset) {
        yield `${nameOf(observation)} was seen with the ${kind} ${offset}, and ${isStart ? "starts" : "ends"} at ${left}`;
      }
    }
  }
}

function recordCount(evidence: Evidence): number {
  return namedPartitions(evidence).reduce((sum, { records }) => sum + records.length, 0);
}

function acknowledgedCount({ sent }: History): number {
  let count = 0;
  for (const { outcome } of sent.values()) if (outcome === "acknowledged") count++;
  return count;
}

interface Sighting {
  readonly offset: number;
  readonly at: Moment;
}

function asSighting({ offset, answeredAt }: Observation): Sighting {
  return { offset, at: answeredAt };
}

/** Behind each part that a reader read in full stands its end; otherwise only what lies between its records is sure. */
function rangeOf(
  reads: PartitionReads,
  startOffset: number,
): { readonly from: number; readonly to: number } | undefined {
  const from = reads.isFromStart ? 0 : reads.records[0]?.offset;
  const to = Math.max(reads.readTo, (reads.records.at(-1)?.offset ?? -1) + 1);
  return from === undefined ? undefined : { from: Math.max(from, startOffset), to };
}

function recordsById(evidence: Evidence): Map<string, StoredRecord> {
  const records = namedPartitions(evidence).flatMap((partition) => partition.records);
  return new Map(records.filter(({ id }) => id !== undefined).map((record) => [record.id as string, record]));
}

function orderOf(order: ReadonlyMap<string, number>, { id }: Pick<SentRecord, "id"> | StoredRecord): number {
  return order.get(id ?? "") ?? -1;
}
