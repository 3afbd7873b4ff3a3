/** A table in a database of its own, with transactions: what a sink writes to. */

import type { TableRow } from "../../src/cli/verify/check/sink-invariants.ts";
import type { TopicPartition } from "../../src/client/index.ts";
import { ConnectError, type Sink, type SinkBatch, type SinkOutcome } from "../../src/connect/index.ts";
import type { Dice } from "../../src/platform/dice.ts";
import type { Coverage } from "../coverage.ts";
import type { SimulatedNetwork } from "./network.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { World } from "./world.ts";

/** The machine of the table. It never fails; the way to it does. */
export const TABLE_HOST = "table";

/** How long a client of the table waits for it. */
const TIMEOUT_MS = 2_000;
/** How likely a request is refused for now, and how likely the answer to one that was carried out is lost. */
const REFUSAL_PROBABILITY = 0.02;
const LOSS_PROBABILITY = 0.02;

export class SimulatedTable {
  readonly rows: TableRow[] = [];
  /** Next offsets, by "topic-partition". */
  readonly positions: Map<string, number> = new Map();
  readonly #scheduler: Scheduler;
  readonly #network: SimulatedNetwork;
  readonly #dice: Dice;
  readonly #coverage: Coverage;
  readonly #latencyMsMax: number;

  constructor(world: World) {
    this.#scheduler = world.scheduler;
    this.#network = world.network;
    this.#coverage = world.coverage;
    this.#dice = world.dice("table");
    this.#latencyMsMax = this.#dice.pick([30, 30, 3_000]);
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
      const isCut = this.#network.isCut(life.host, TABLE_HOST);
      const latencyMs = isCut ? TIMEOUT_MS : this.#dice.between(0.2, this.#latencyMsMax);
      // What is given up is carried out all the same.
      if (latencyMs > TIMEOUT_MS)
        this.#scheduler.schedule(TIMEOUT_MS, () => reject(failure("the table does not answer")));
      this.#scheduler.schedule(latencyMs, () => {
        try {
          if (isCut) throw failure("the table cannot be reached");
          if (this.#dice.chance(REFUSAL_PROBABILITY)) throw failure("the table is locked");
          const result = execute();
          if (this.#dice.chance(LOSS_PROBABILITY)) throw failure("the connection was lost");
          resolve(result);
        } catch (error) {
          reject(error);
        }
      });
    });
    return life.hear(answer);
  }

  #write(batches: readonly SinkBatch[]): SinkOutcome[] {
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

function failure(message: string): ConnectError {
  return new ConnectError("TARGET_FAILED", message, { retriable: true });
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
