/** Looks for transactions that have been open for long, and ends them (KIP-664): whoever owns them may only be slow. */
import { type Client, OncillaError } from "../../src/client/index.ts";
import { BrokerConnection } from "../../src/client/network/connection.ts";
import { describeTransactions } from "../../src/protocol/apis/describe-transactions.ts";
import { listTransactions } from "../../src/protocol/apis/list-transactions.ts";
import type { Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { asOncillaError, BROKER_HOST, BROKER_PORT, connect, pause } from "./workload.ts";

const TIMEOUT_MS = 2_000;

/** Ends when the faults do: then timeouts have to suffice. */
export async function administerTransactions(process: Process, world: World): Promise<void> {
  const client = connect(process);
  while (!world.isQuiet && !process.stop.aborted) {
    await pause(process, 200, 2_000);
    try {
      for (const transactionalId of await hangingTransactions(process)) {
        world.coverage.hit("transactions: one that was open for long was found");
        if (process.dice.chance(0.5)) await fence(client, transactionalId);
      }
    } catch (error) {
      asOncillaError(error);
    }
  }
  await client.close();
}

/** The client has no calls for these. */
async function hangingTransactions({ platform, host, dice }: Process): Promise<string[]> {
  const options = { clientId: host, requestTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS, platform };
  const connection = await BrokerConnection.open(BROKER_HOST, BROKER_PORT, options, new AbortController().signal);
  try {
    const { transactionStates } = await connection.send(listTransactions, connection.versionOf(listTransactions), {
      stateFilters: ["Ongoing"],
      producerIdFilters: [],
      durationFilter: dice.pick([300, 1_000, 3_000]),
    });
    const transactionalIds = transactionStates.map(({ transactionalId }) => transactionalId);
    const described = await connection.send(describeTransactions, connection.versionOf(describeTransactions), {
      transactionalIds,
    });
    const open = described.transactionStates.filter(({ transactionState }) => transactionState === "Ongoing");
    return open.map(({ transactionalId }) => transactionalId);
  } finally {
    connection.close(new OncillaError("CLOSED", "the administrator has seen enough"));
  }
}

/** A new producer of the id: what the old one left open is aborted, and the old one is refused from then on. */
async function fence(client: Client, transactionalId: string): Promise<void> {
  const producer = client.producer({ transactionalId, maxBlockMs: TIMEOUT_MS });
  try {
    await producer.initTransactions();
  } finally {
    await producer.close({ timeoutMs: 500 });
  }
}
