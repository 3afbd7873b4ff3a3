/** `oncilla txn …`, on any cluster, through the admin alone. */
import {
  type Admin,
  Client,
  type HangingTransaction,
  OncillaError,
  type PartitionProducer,
  type TopicPartition,
} from "../../client/index.ts";
import { CliError } from "../cli-error.ts";
import { answering } from "../cluster/answering.ts";
import { table } from "../table.ts";

interface Common {
  readonly brokers: string;
  readonly json: boolean;
}

export interface List extends Common {
  readonly state?: readonly string[];
  readonly producerId?: readonly number[];
  readonly longerThanMs?: number;
  readonly pattern?: string;
}

export interface Find extends Common {
  readonly topic?: string;
  readonly partition?: number;
  readonly brokerId?: number;
  readonly maxTransactionTimeoutMs: number;
}

export interface Abort extends Common {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly force: boolean;
}

export async function listTransactions(flags: List): Promise<void> {
  const { state, producerId, longerThanMs, pattern } = flags;
  const filter = {
    ...(state && { states: state }),
    ...(producerId && { producerIds: producerId }),
    ...(longerThanMs !== undefined && { longerThanMs }),
    ...(pattern !== undefined && { pattern }),
  };
  const found = await withAdmin(flags, (admin) => admin.listTransactions(filter));
  const sorted = found.toSorted((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
  show(flags, sorted, "no transactional ids", () =>
    table(
      ["TRANSACTIONAL ID", "COORDINATOR", "PRODUCER ID", "STATE"],
      sorted.map((each) => [each.transactionalId, each.coordinator, each.producerId, each.state]),
    ),
  );
}

export async function describeTransactions(
  flags: Common & { readonly transactionalIds: readonly string[] },
): Promise<void> {
  const { transactionalIds } = flags;
  const found = await withAdmin(flags, (admin) => admin.describeTransactions(transactionalIds));
  const missing = transactionalIds.filter((id) => !found.some(({ transactionalId }) => transactionalId === id));
  show(flags, found, undefined, () =>
    table(
      ["TRANSACTIONAL ID", "STATE", "PRODUCER ID", "EPOCH", "TIMEOUT MS", "STARTED", "PARTITIONS"],
      found.map((each) => [
        each.transactionalId,
        each.state,
        each.producerId,
        each.producerEpoch,
        each.timeoutMs,
        each.startedAt === null ? "-" : timeOf(each.startedAt),
        each.partitions.map(nameOf).join(",") || "-",
      ]),
    ),
  );
  if (missing.length > 0) throw new CliError(`not known: ${missing.join(", ")}`);
}

export async function findHanging(flags: Find): Promise<void> {
  const { topic, partition, brokerId, maxTransactionTimeoutMs } = flags;
  if (partition !== undefined && topic === undefined) throw new CliError("--partition goes with --topic");
  const search = {
    ...(topic !== undefined && { topic }),
    ...(partition !== undefined && { partition }),
    ...(brokerId !== undefined && { brokerId }),
    maxTransactionTimeoutMs,
  };
  const found = await withAdmin(flags, (admin) => admin.findHangingTransactions(search));
  show(flags, found, "no transaction hangs", () =>
    table(
      [
        "TOPIC",
        "PARTITION",
        "PRODUCER ID",
        "EPOCH",
        "COORDINATOR EPOCH",
        "START OFFSET",
        "LAST WRITE",
        "TRANSACTIONAL ID",
      ],
      found.map(hangingRow),
    ),
  );
}

function hangingRow(each: HangingTransaction): readonly (string | number)[] {
  return [
    each.topic,
    each.partition,
    each.producerId,
    each.producerEpoch,
    each.coordinatorEpoch,
    each.transactionStartOffset,
    timeOf(each.lastTimestamp),
    each.transactionalId ?? "-",
  ];
}

export async function abortTransaction(flags: Abort): Promise<void> {
  if (flags.startOffset === undefined && flags.producerId === undefined) {
    throw new CliError("which one? --start-offset or --producer-id says it");
  }
  await withAdmin(flags, async (admin) => {
    const transaction = await findOpen(admin, flags);
    if (!flags.force) await requireHanging(admin, transaction);
    await admin.abortTransaction(transaction);
    show(
      flags,
      transaction,
      undefined,
      () => `aborted the transaction of producer ${transaction.producerId} in ${nameOf(flags)}`,
    );
  });
}

async function findOpen(admin: Admin, flags: Abort): Promise<PartitionProducer> {
  const producers = await admin.describeProducers([{ topic: flags.topic, partition: flags.partition }]);
  const open = producers.filter(({ transactionStartOffset }) => transactionStartOffset !== null);
  const found = open.find(
    ({ producerId, producerEpoch, transactionStartOffset }) =>
      (flags.startOffset ?? transactionStartOffset) === transactionStartOffset &&
      (flags.producerId ?? producerId) === producerId &&
      (flags.producerEpoch ?? producerEpoch) === producerEpoch,
  );
  if (found) return found;
  const others = open.map((each) => `producer ${each.producerId} from offset ${each.transactionStartOffset}`);
  throw new CliError(`no such transaction is open in ${nameOf(flags)}; open: ${others.join(", ") || "none"}`);
}

async function requireHanging(admin: Admin, { topic, partition, producerId }: PartitionProducer): Promise<void> {
  const listed = await admin.listTransactions({ producerIds: [producerId] });
  const described = await admin.describeTransactions(listed.map(({ transactionalId }) => transactionalId));
  const owner = described.find((each) =>
    each.partitions.some((written) => written.topic === topic && written.partition === partition),
  );
  if (!owner) return;
  throw new CliError(
    `the transaction does not hang: "${owner.transactionalId}" has it, ${owner.state}. To abort it in this partition alone tears ` +
      "it; --force does so all the same",
  );
}

async function withAdmin<T>({ brokers }: Common, work: (admin: Admin) => Promise<T>): Promise<T> {
  let client: Client | undefined;
  try {
    client = new Client({ brokers, clientId: "oncilla-txn" });
    await answering(client, brokers);
    return await work(client.admin());
  } catch (error) {
    throw error instanceof OncillaError ? new CliError(error.message) : error;
  } finally {
    await client?.close();
  }
}

/** `empty`: what to say instead of a table without rows; undefined: nothing. */
function show({ json }: Common, found: object, empty: string | undefined, text: () => string): void {
  if (json) console.log(JSON.stringify(found, undefined, 2));
  else if (!Array.isArray(found) || found.length > 0) console.log(text());
  else if (empty !== undefined) console.log(empty);
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function timeOf(ms: number): string {
  return ms < 0 ? "-" : new Date(ms).toISOString();
}
