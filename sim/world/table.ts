/** A table in a database of its own, with transactions: what a sink writes to. */

import type { TableRow } from "../../src/cli/verify/check/sink-invariants.ts";
import type { TopicPartition } from "../../src/client/index.ts";
import { ConnectError, type Sink, type SinkBatch, type SinkOutcome } from "../../src/connect/index.ts";
import type { Dice } from "../../src/platform/dice.ts";
import type { Coverage } from "../coverage.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

export class SimulatedTable {
  readonly rows: TableRow[] = [];
  /** Next offsets, by "topic-partition". */
  readonly positions: Map<string, number> = new Map();
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #coverage: Coverage;
  /** How likely a request is refused for now. */
  refusalProbability = 0.02;

  constructor(scheduler: Scheduler, dice: Dice, coverage: Coverage) {
    this.#coverage = coverage;
    this.#scheduler = scheduler;
    this.#dice = dice;
  }

  /** The table as one process sees it. What the process has sent off is carried out even when it is dead by then. */
  sinkFor(life: Life, writing: () => void): Sink {
    return {
      guarantee: "exactly_once",
      open: () => {},
      close: () => {},
      positions: (partitions) => this.#request(life, () => partitions.map((each) => this.positions.get(keyOf(each)))),
      write: (batches) => {
        const answer = this.#request(life, () => this.#write(batches));
        writing();
        return answer;
      },
    };
  }

  #request<T>(life: Life, execute: () => T): Promise<T> {
    if (!life.isAlive) return new Promise(() => {});
    const answer = new Promise<T>((resolve, reject) => {
      this.#scheduler.schedule(this.#dice.between(0.2, 30), () => {
        try {
          resolve(execute());
        } catch (error) {
          reject(error);
        }
      });
    });
    return life.hear(answer);
  }

  #write(batches: readonly SinkBatch[]): SinkOutcome[] {
    if (this.#dice.chance(this.refusalProbability)) {
      throw new ConnectError("TARGET_FAILED", "the table is locked", { retriable: true });
    }
    return batches.map((batch) => this.#writeBatch(batch));
  }

  #writeBatch({ topic, partition, fromOffset, nextOffset, records }: SinkBatch): SinkOutcome {
    const key = keyOf({ topic, partition });
    const position = this.positions.get(key);
    if (position !== undefined && position !== fromOffset) {
      this.#coverage.hit("sink: a batch was refused");
      return { applied: false, nextOffset: position };
    }
    for (const { offset, value } of records)
      this.rows.push({ topic, partition, offset, value: value?.toString() ?? "" });
    this.positions.set(key, nextOffset);
    return { applied: true };
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
