/**
 * The port to a target of records.
 *
 * A target that keeps its positions itself, in the same transaction as what it writes, holds this for every partition:
 *
 * - *its next offset is n*: every committed record below n is in it, and none at or above.
 *
 * A batch covers the offsets from `fromOffset` up to before `nextOffset`: it has every committed record that lies there. The
 * target takes it only where n is `fromOffset`, and n becomes `nextOffset` in the same step. So the batches that it takes join
 * without gap or overlap, whoever sends them, and however often.
 *
 * A partition is one of a topic, and not of a name: a topic that was deleted and made anew has other records under the same offsets, and
 * the target has nothing of it yet.
 *
 * It is ranges that join, not records: no record has the offset of a transaction's marker, of an aborted record or of one that
 * compaction removed. The range that such an offset lies in covers it.
 */
import type { ConsumerRecord, TopicPartition } from "../client/index.ts";

export interface SinkPartition extends TopicPartition {
  /** What tells topics of one name apart; "" where the brokers have no ids. */
  readonly topicId: string;
}

export interface SinkBatch extends SinkPartition {
  readonly fromOffset: number;
  /** Not below `fromOffset`. */
  readonly nextOffset: number;
  /** In order. None in a batch that only says where a partition begins of which the target has nothing: its two offsets are the
   * same, and it is taken as any other. */
  readonly records: readonly ConsumerRecord[];
}

/** `applied`: it is in the target, now and for good. Otherwise nothing was changed, and `nextOffset` is where the target stands. */
export type SinkOutcome = { readonly applied: true } | { readonly applied: false; readonly nextOffset: number };

export interface Sink {
  /** "exactly_once": by the property above. "at_least_once": what was written just before a crash may be written again. */
  readonly guarantee: "exactly_once" | "at_least_once";
  /** Connects. Throws a ConnectError with code GUARANTEE_IMPOSSIBLE where the guarantee cannot be proved. */
  open(): void | Promise<void>;
  /** The target's next offset of each partition; undefined for one of which nothing was written yet. A target that keeps no positions
   * knows of none: it is "at_least_once", and reading begins at the group's offsets. */
  positions(partitions: readonly SinkPartition[]): (number | undefined)[] | Promise<(number | undefined)[]>;
  /** Takes batches of different partitions, each or none of each; an outcome for each. Throws a ConnectError, with `retriable`
   * when it is worth another try; nothing was changed then. */
  write(batches: readonly SinkBatch[]): SinkOutcome[] | Promise<SinkOutcome[]>;
  /** Also called after an `open` that failed. */
  close(): void | Promise<void>;
}
