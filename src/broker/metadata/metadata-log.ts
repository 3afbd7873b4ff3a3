/** Keeps the metadata image in a log of its own: a change is decided on the image, made durable, then applied. */

import type { PartitionLog } from "../../log/partition-log.ts";
import { assert } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import { batchesIn } from "../../protocol/records/batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/builder.ts";
import { decodeRecords } from "../../protocol/records/record.ts";
import { MetadataImage } from "./image.ts";
import { type MetadataRecord, type MetadataRow, readMetadataRecord } from "./records.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** What a request means for the metadata: the records to write, all or none, and what to answer then. */
export interface MetadataDecision<T> {
  readonly records: readonly MetadataRecord[];
  readonly result: T;
}

/** The log did not take a change, and nothing has changed. It may take the next one. */
class ChangeRefused extends Error {
  override readonly name = "ChangeRefused";
}

const READ_BYTES = 1024 * 1024;

export class MetadataLog {
  readonly image: MetadataImage = new MetadataImage();
  readonly #log: PartitionLog;
  readonly #clock: Clock;
  readonly #carryOut: (row: MetadataRow) => Promise<MetadataRecord[]>;
  /** The change that is being made. The next one is decided on what it left. */
  #tail: Promise<unknown> = Promise.resolve();

  /** Replays `log`. Later changes go to `carryOut` as well, once they are durable and before the image shows them: it
   * opens and deletes partitions, and tells what came of it, in records that the log may refuse. */
  constructor(options: {
    readonly log: PartitionLog;
    readonly clock: Clock;
    readonly carryOut: (row: MetadataRow) => Promise<MetadataRecord[]>;
  }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#carryOut = options.carryOut;
    for (const record of replay(options.log)) this.image.apply(readMetadataRecord(record));
  }

  /** No change can be made any more. */
  get isOffline(): boolean {
    return this.#log.offlineReason !== undefined;
  }

  /** Behind the last record. */
  get endOffset(): number {
    return this.#log.logEndOffset;
  }

  /** Makes one change after all earlier ones. Resolves when it is durable, carried out and applied. Rejects when the log
   * cannot take it, and then nothing has changed, or when it could not be carried out; then it is applied all the same. */
  change<T>(decide: (image: MetadataImage) => MetadataDecision<T>): Promise<T> {
    const made = this.#tail.then(() => this.#make(decide));
    // Whoever asked for this change hears of its failure; the next change is made all the same.
    this.#tail = made.catch(() => {});
    return made;
  }

  /** Decides about each request by itself, and writes the records of those that are not refused, unless this is only to
   * see. Outcomes in the order of `requests`. */
  async changeEach<R, O extends { readonly ok: true } | Refusal>(
    requests: readonly R[],
    options: {
      readonly validateOnly: boolean;
      readonly decide: (image: MetadataImage, request: R) => O;
      readonly recordOf: (outcome: O & { readonly ok: true }) => MetadataRecord;
    },
  ): Promise<(O | Refusal)[]> {
    const { validateOnly, decide, recordOf } = options;
    try {
      return await this.change((image) => {
        const result = requests.map((request) => decide(image, request));
        const records = validateOnly ? [] : result.filter(isAccepted).map(recordOf);
        return { records, result };
      });
    } catch (error) {
      // The log has said why.
      if (this.isOffline) return refuseAll(requests, "The metadata log of the broker is offline.");
      if (error instanceof ChangeRefused) return refuseAll(requests, error.message);
      throw error;
    }
  }

  /** Does between two changes what earlier ones left undone, and notes what came of it, as `carryOut` does. */
  catchUp(work: () => Promise<MetadataRecord[]>): Promise<void> {
    const done = this.#tail.then(async () => this.#note(await work()));
    this.#tail = done.catch(() => {});
    return done;
  }

  /** Resolves when every change that was asked for is made. */
  async close(): Promise<void> {
    await this.#tail;
    await this.#log.close();
  }

  async #make<T>(decide: (image: MetadataImage) => MetadataDecision<T>): Promise<T> {
    const { records, result } = decide(this.image);
    if (records.length === 0) return result;
    await this.#append(records);
    const outcomes: MetadataRecord[] = [];
    const failures: unknown[] = [];
    for (const record of records) {
      const row = readMetadataRecord(record);
      try {
        outcomes.push(...(await this.#carryOut(row)));
      } catch (error) {
        failures.push(error);
      }
      // Also when it could not be carried out: the record is durable, and the next start will show it.
      this.image.apply(row);
    }
    await this.#note(outcomes);
    if (failures.length > 0) throw failures[0];
    return result;
  }

  async #note(outcomes: readonly MetadataRecord[]): Promise<void> {
    if (outcomes.length === 0) return;
    try {
      await this.#append(outcomes);
    } catch (error) {
      if (error instanceof ChangeRefused) return;
      throw error;
    }
    for (const record of outcomes) this.image.apply(readMetadataRecord(record));
  }

  #append(records: readonly MetadataRecord[]): Promise<void> {
    const builder = new RecordBatchBuilder();
    const now = this.#clock.now();
    for (const { key, value } of records) builder.append(now, Buffer.from(key), value);
    const [batch] = batchesIn(builder.build());
    assert(batch);
    const outcome = this.#log.append([batch], "coordinator");
    if (!outcome.ok) throw new ChangeRefused(`the metadata log refused a record: ${outcome.error}: ${outcome.message}`);
    return new Promise((resolve, reject) => {
      this.#log.whenDurable(outcome.lastOffset + 1, (error) => (error ? reject(error) : resolve()));
    });
  }
}

function refuseAll(requests: readonly unknown[], message: string): Refusal[] {
  return requests.map(() => refuse("KAFKA_STORAGE_ERROR", message));
}

function isAccepted<O extends { readonly ok: boolean }>(outcome: O): outcome is O & { readonly ok: true } {
  return outcome.ok;
}

function* replay(log: PartitionLog): Generator<MetadataRecord> {
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const read = log.read({ offset, maxBytes: READ_BYTES, isolation: "read_uncommitted", minOneBatch: true });
    if (!read.ok)
      throw new Error(`the metadata log cannot be read at offset ${offset}: ${read.error}: ${read.message}`);
    const from = offset;
    for (const batch of batchesIn(read.records)) {
      for (const { key, value } of decodeRecords(batch)) {
        yield { key: Buffer.from(key ?? "").toString(), value };
      }
      offset = batch.nextOffset;
    }
    assert(offset > from, "a read of the metadata log moves on");
  }
}
