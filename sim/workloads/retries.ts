/** A producer of a few lines that does on purpose what clients do by mischance: it sends again what is in the log, leaves out
 * sequences, and goes on in an epoch that has ended. What the broker must answer is known. */
import type { History, SentRecord } from "../../src/cli/verify/history.ts";
import { ID_HEADER } from "../../src/cli/verify/history.ts";
import { OncillaError } from "../../src/client/index.ts";
import { BrokerConnection } from "../../src/client/network/connection.ts";
import { initProducerId } from "../../src/protocol/apis/init-producer-id.ts";
import { produce } from "../../src/protocol/apis/produce.ts";
import { type ErrorName, errorName, isRetriable } from "../../src/protocol/errors.ts";
import { RecordBatchBuilder } from "../../src/protocol/records/builder.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { Session } from "./sending.ts";
import { asOncillaError, BROKER_HOST, BROKER_PORT, pause, type Workload, type WorkloadContext } from "./workload.ts";

const PLACE = { topic: "retries", partition: 0 };
/** As many as a broker remembers. */
const MAX_IN_FLIGHT = 5;
/** No sequence gets there, so that what was refused does not become the next one later. */
const FAR_AHEAD = 10_000;
const TIMEOUT_MS = 2_000;
/** The last one that names topics. */
const PRODUCE_VERSION = 12;

interface Task {
  readonly world: World;
  readonly history: History;
  readonly goal: number;
  /** Over all lives. */
  readonly progress: { acknowledged: number };
}

export function retries({ world, history }: WorkloadContext): Workload {
  const dice = world.dice("workload retries");
  const task: Task = { world, history, goal: dice.int(30, 150), progress: { acknowledged: 0 } };
  return {
    name: "retries",
    topics: [{ topic: PLACE.topic, partitions: 1 }],
    machines: [world.addMachine("retrier", (process) => new Retrier(process, task).run())],
    groups: [],
    invariants: [],
    isDone: () => isDone(task),
  };
}

function isDone({ progress, goal }: Task): boolean {
  return progress.acknowledged >= goal;
}

interface Batch {
  readonly bytes: Buffer;
  readonly records: readonly SentRecord[];
  /** -1 until it is acknowledged. */
  offset: number;
}

interface Answer {
  readonly error: ErrorName;
  readonly offset: number;
}

/** One life of it. */
class Retrier {
  readonly #process: Process;
  readonly #task: Task;
  readonly #session: Session;
  #connection: BrokerConnection | undefined;
  #producerId = -1;
  #epoch = 0;
  #nextSequence = 0;
  /** Of this epoch, in order. */
  #inLog: Batch[] = [];
  /** Of the epoch before. */
  #replaced: Batch[] = [];

  constructor(process: Process, task: Task) {
    this.#process = process;
    this.#task = task;
    this.#session = new Session(process, task.history);
  }

  async run(): Promise<void> {
    await this.#register();
    while (!this.#isOver && (await this.#sendSome())) {
      await this.#probe();
      if (this.#process.dice.chance(0.15)) this.#beginEpoch();
      await pause(this.#process, 1, 400);
    }
    this.#connection?.close(new OncillaError("CLOSED", "the work is done"));
  }

  get #isKnown(): boolean {
    return this.#inLog.length > 0 || this.#epoch > 0;
  }

  get #isOver(): boolean {
    return isDone(this.#task) || this.#process.stop.aborted;
  }

  async #register(): Promise<void> {
    while (this.#producerId < 0 && !this.#isOver) {
      try {
        const connection = await this.#connected();
        const body = { transactionalId: null, transactionTimeoutMs: 0 };
        const answer = await connection.send(initProducerId, connection.versionOf(initProducerId), body);
        if (answer.errorCode === 0) this.#producerId = answer.producerId;
      } catch (error) {
        asOncillaError(error);
        await pause(this.#process, 10, 300);
      }
    }
  }

  /** Several at once; then in order, one after the other, until each is in the log. False when that did not come to its end. */
  async #sendSome(): Promise<boolean> {
    const { dice } = this.#process;
    // The first one alone: of a producer that it does not know a broker takes any sequence.
    const count = this.#isKnown ? dice.int(1, MAX_IN_FLIGHT) : 1;
    const batches = Array.from({ length: count }, () => this.#build());
    const answers = batches.map((batch) => this.#ask(batch));
    // Whoever gives up early sends again while the first attempt is on its way.
    await Promise.race([Promise.all(answers), pause(this.#process, 1, dice.pick([30, 1_000, 10_000]))]);
    for (const batch of batches) {
      if (!(await this.#sendUntilTaken(batch))) return false;
    }
    return true;
  }

  async #sendUntilTaken(batch: Batch): Promise<boolean> {
    while (!this.#isOver) {
      const answer = await this.#ask(batch);
      if (answer?.error === "NONE") {
        this.#taken(batch, answer.offset);
        return true;
      }
      if (answer && !isRetriable(answer.error)) {
        this.#report(`${answer.error} for the next one in order`);
        return false;
      }
      await pause(this.#process, 10, 500);
    }
    return false;
  }

  #taken(batch: Batch, offset: number): void {
    batch.offset = offset;
    batch.records.forEach((record, index) => {
      record.outcome = "acknowledged";
      record.offset = offset + index;
    });
    this.#inLog.push(batch);
    this.#task.progress.acknowledged += batch.records.length;
  }

  async #probe(): Promise<void> {
    const { dice } = this.#process;
    const recent = this.#inLog.slice(-MAX_IN_FLIGHT);
    const older = this.#inLog.slice(0, -MAX_IN_FLIGHT);
    if (recent.length > 0 && dice.chance(0.5)) await this.#expectDuplicate(dice.pick(recent));
    if (older.length > 0 && dice.chance(0.2)) {
      await this.#expectRefusal("one that is no longer remembered", dice.pick(older), "OUT_OF_ORDER_SEQUENCE_NUMBER");
    }
    if (recent.length > 0 && dice.chance(0.2)) {
      const gap = this.#unknown(this.#nextSequence + FAR_AHEAD, this.#epoch);
      await this.#expectRefusal("one behind a gap", gap, "OUT_OF_ORDER_SEQUENCE_NUMBER");
    }
    if (recent.length > 0 && this.#replaced.length > 0 && dice.chance(0.3)) {
      await this.#expectRefusal("one of an old epoch", dice.pick(this.#replaced), "INVALID_PRODUCER_EPOCH");
    }
  }

  async #expectDuplicate(batch: Batch): Promise<void> {
    const answer = await this.#ask(batch);
    if (!answer || isRetriable(answer.error)) return;
    this.#task.world.coverage.hit("retries: one that is in the log was sent again");
    if (answer.error === "NONE" && answer.offset === batch.offset) return;
    this.#report(`${answer.error} at ${answer.offset} for one that is in the log at ${batch.offset}`);
  }

  async #expectRefusal(what: string, batch: Batch, expected: ErrorName): Promise<void> {
    const answer = await this.#ask(batch);
    if (!answer || isRetriable(answer.error)) return;
    this.#task.world.coverage.hit(`retries: ${what} was sent`);
    if (answer.error !== expected) this.#report(`${answer.error} for ${what}`);
  }

  #report(what: string): void {
    this.#task.world.report(`${this.#process.host}: producer ${this.#producerId} got ${what}`);
  }

  /** As a client does that cannot know what became of a batch (KIP-360). */
  #beginEpoch(): void {
    this.#epoch++;
    this.#nextSequence = 0;
    this.#replaced = this.#inLog;
    this.#inLog = [];
  }

  #build(): Batch {
    const records = Array.from({ length: this.#process.dice.int(1, 3) }, () =>
      this.#session.history.sends(this.#session.nextId(), this.#session.name, PLACE),
    );
    const bytes = this.#encode(
      records.map(({ id }) => id),
      this.#nextSequence,
      this.#epoch,
    );
    this.#nextSequence += records.length;
    return { bytes, records, offset: -1 };
  }

  /** Nobody is told that it was sent: it must not get into the log. */
  #unknown(sequence: number, epoch: number): Batch {
    return { bytes: this.#encode([this.#session.nextId()], sequence, epoch), records: [], offset: -1 };
  }

  #encode(ids: readonly string[], baseSequence: number, producerEpoch: number): Buffer {
    const builder = new RecordBatchBuilder();
    const now = this.#process.platform.clock.now();
    for (const id of ids) {
      builder.append(now, Buffer.from(id), Buffer.from(id), [{ key: ID_HEADER, value: Buffer.from(id) }]);
    }
    return Buffer.from(builder.build({ producerId: this.#producerId, producerEpoch, baseSequence }));
  }

  /** Undefined when there was no answer. */
  async #ask({ bytes }: Batch): Promise<Answer | undefined> {
    try {
      const connection = await this.#connected();
      const { responses } = await connection.send(produce, connection.versionOf(produce, PRODUCE_VERSION), {
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name: PLACE.topic, partitionData: [{ index: PLACE.partition, records: bytes }] }],
      });
      const answer = responses[0]?.partitionResponses[0];
      return answer && { error: errorName(answer.errorCode), offset: answer.baseOffset };
    } catch (error) {
      asOncillaError(error);
      return undefined;
    }
  }

  async #connected(): Promise<BrokerConnection> {
    const { platform, host, dice } = this.#process;
    // What is under way on the old one may still arrive.
    if (this.#connection?.isOpen && !dice.chance(0.02)) return this.#connection;
    const options = { clientId: host, requestTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS, platform };
    this.#connection = await BrokerConnection.open(BROKER_HOST, BROKER_PORT, options, new AbortController().signal);
    return this.#connection;
  }
}
