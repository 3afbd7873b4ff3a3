import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Broker, type BrokerOptions } from "../src/broker/index.ts";
import { CliError } from "../src/cli/cli-error.ts";
import { addTxnCommand } from "../src/cli/txn/command.ts";
import { Client } from "../src/client/index.ts";
import { type RawProducer, RawSession, type RawTopic } from "./support/raw-session.ts";
import { until } from "./support/until.ts";

interface Outcome {
  readonly stdout: string;
  readonly error: string;
}

/**
 * Transactions of a broker that was restored without `__transaction_state`: what was open when that was lost hangs. One is in
 * `orders`; the same transactional id has begun another one since, in `payments`, which is alive.
 */
describe("transactions that hang (KIP-664)", () => {
  let folder: string;
  let broker: Broker;
  let session: RawSession;
  let orders: RawTopic;
  let payments: RawTopic;
  let lost: RawProducer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "oncilla-txn-"));
    await start();
    orders = await session.createTopic("orders", 2);
    payments = await session.createTopic("payments");
    lost = await session.newTransactional("till-1");
    await session.produce(orders, ["before"]);
    await session.produce(orders, ["paid"], { producer: lost, transactionalId: "till-1" });
    await stop();
    for (const name of readdirSync(folder)) {
      if (name.startsWith("__transaction_state")) rmSync(join(folder, name), { recursive: true });
    }
    await start({ recreateLostLogs: true });
    const next = await session.newTransactional("till-1");
    await session.produce(payments, ["paid"], { producer: next, transactionalId: "till-1" });
    await session.newTransactional("till-2");
  });

  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  async function start(options: BrokerOptions = {}): Promise<void> {
    broker = await Broker.start({ dataDir: folder, durability: "os", ...options });
    session = await RawSession.open(broker.address);
  }

  async function stop(): Promise<void> {
    session.close();
    await broker.stop();
  }

  /** Within this process, which is quicker than one of its own: what it printed, and the error that it ended with. */
  async function txn(command: string, ...args: string[]): Promise<Outcome> {
    const printed: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line) => printed.push(line));
    const program = new Command();
    addTxnCommand(program);
    try {
      await program.parseAsync(["txn", command, "--brokers", broker.address, ...args], { from: "user" });
      return { stdout: printed.join("\n"), error: "" };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      return { stdout: printed.join("\n"), error: error.message };
    } finally {
      log.mockRestore();
    }
  }

  function rowsOf({ stdout }: Outcome): string[][] {
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
  }

  it("list shows all transactional ids, or those that meet every option", async () => {
    const all = await txn("list");
    const ongoing = await txn("list", "--state", "Ongoing,PrepareCommit");
    const pattern = await txn("list", "--pattern", "till-[2-9]", "--state", "Empty", "--json");
    const others = await txn("list", "--producer-id", "123456", "--longer-than-ms", "0");
    const unknown = await txn("list", "--state", "Ready");
    expect(rowsOf(all).map(([id, , , state]) => [id, state])).toEqual([
      ["TRANSACTIONAL ID", "STATE"],
      ["till-1", "Ongoing"],
      ["till-2", "Empty"],
    ]);
    expect(rowsOf(ongoing).map(([id]) => id)).toEqual(["TRANSACTIONAL ID", "till-1"]);
    expect(JSON.parse(pattern.stdout)).toMatchObject([{ transactionalId: "till-2", state: "Empty", coordinator: 1 }]);
    expect(others.stdout).toBe("no transactional ids");
    expect(unknown).toMatchObject({ error: expect.stringContaining('in state "Ready"') });
  });

  it("describe shows where they write, and says which are not known", async () => {
    const both = await txn("describe", "till-1", "till-9");
    const json = await txn("describe", "till-2", "--json");
    expect(rowsOf(both)[1]).toMatchObject([
      "till-1",
      "Ongoing",
      expect.anything(),
      "0",
      "60000",
      expect.anything(),
      "payments-0",
    ]);
    expect(both).toMatchObject({ error: "not known: till-9" });
    expect(JSON.parse(json.stdout)).toMatchObject([
      { transactionalId: "till-2", state: "Empty", startedAt: null, partitions: [] },
    ]);
  });

  it("find-hanging finds what no coordinator knows of, and nothing else", async () => {
    const quiet = await txn("find-hanging");
    const found = await txn("find-hanging", "--max-transaction-timeout-ms", "0");
    const elsewhere = await txn(
      "find-hanging",
      "--max-transaction-timeout-ms",
      "0",
      "--topic",
      "orders",
      "--partition",
      "1",
    );
    const json = await txn(
      "find-hanging",
      "--max-transaction-timeout-ms",
      "0",
      "--topic",
      "orders",
      "--broker-id",
      "1",
      "--json",
    );
    const noTopic = await txn("find-hanging", "--partition", "1");
    // The last one wrote within the last quarter of an hour.
    expect(quiet.stdout).toBe("no transaction hangs");
    expect(rowsOf(found)).toHaveLength(2);
    expect(rowsOf(found)[1]?.slice(0, 6)).toEqual(["orders", "0", String(lost.producerId), "0", "-1", "1"]);
    expect(rowsOf(found)[1]?.[7]).toBe("-");
    expect(elsewhere.stdout).toBe("no transaction hangs");
    expect(JSON.parse(json.stdout)).toMatchObject([
      { topic: "orders", partition: 0, ...lost, transactionStartOffset: 1, transactionalId: null },
    ]);
    expect(noTopic).toMatchObject({ error: "--partition goes with --topic" });
    // That nothing hangs in what is not there would be no comfort.
    const nowhere = await txn("find-hanging", "--topic", "orders", "--partition", "7");
    expect(nowhere).toEqual({ stdout: "", error: "partition orders-7: UNKNOWN_TOPIC_OR_PARTITION" });
    const nobody = await txn("find-hanging", "--broker-id", "7");
    expect(nobody).toEqual({ stdout: "", error: expect.stringContaining("there is no broker 7") });
  });

  it("abort refuses what does not hang, and names what is open", async () => {
    const which = await txn("abort", "--topic", "orders", "--partition", "0");
    const none = await txn("abort", "--topic", "orders", "--partition", "0", "--start-offset", "0");
    const alive = await txn("abort", "--topic", "payments", "--partition", "0", "--start-offset", "0");
    expect(which).toMatchObject({ error: expect.stringContaining("--start-offset or --producer-id") });
    expect(none.error).toContain(`open: producer ${lost.producerId} from offset 1`);
    expect(alive).toMatchObject({
      error: expect.stringContaining('does not hang: "till-1" has it, Ongoing'),
    });
    expect(await session.endOffset(payments, "read_committed")).toBe(0);
  });

  it("abort ends one that hangs: readers get over it, and its record is aborted", async () => {
    await session.produce(orders, ["behind"]);
    expect(await session.endOffset(orders, "read_committed")).toBe(1);
    const outcome = await txn("abort", "--topic", "orders", "--partition", "0", "--start-offset", "1");
    expect(outcome).toMatchObject({
      error: "",
      stdout: `aborted the transaction of producer ${lost.producerId} in orders-0`,
    });
    await until(async () => (await session.endOffset(orders, "read_committed")) === 4);
    const { records, aborted } = await session.fetch(orders, { isolation: "read_committed" });
    expect(records).toEqual(["0:before", "1:paid", "2:behind", "3:abort"]);
    expect(aborted).toEqual([{ producerId: lost.producerId, firstOffset: 1 }]);
    const client = new Client({ brokers: broker.address });
    expect(await client.admin().findHangingTransactions({ maxTransactionTimeoutMs: 0 })).toEqual([]);
    await client.close();
  });
});
