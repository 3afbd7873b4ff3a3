import { type Command, InvalidArgumentError } from "commander";
import { wholeNumber } from "../arguments.ts";
import type { Abort, Find, List } from "./run.ts";

const PARTITION_MAX = 2 ** 31 - 1;
const EPOCH_MAX = 32_767;
const DEFAULT_BROKERS = "127.0.0.1:9092";

export function addTxnCommand(program: Command): void {
  const txn = program
    .command("txn")
    .summary("look at transactions, find those that hang, and abort them")
    .description(
      "Looks at the transactions of a broker or cluster. A transaction that is open in a partition and that no coordinator knows " +
        "of hangs: everyone who reads the partition at read_committed waits there for ever, until it is aborted.",
    );
  const command = (name: string, summary: string, more = ""): Command =>
    txn
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.${more}`)
      .option("--brokers <host:port,...>", "where the cluster is", DEFAULT_BROKERS)
      .option("--json", "print JSON instead of a table", false);

  command("list", "list transactional ids: all of them, or those that meet every option")
    .option(
      "--state <names>",
      "some of Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort",
      list,
    )
    .option("--producer-id <ids>", "producer ids, separated by commas", ids)
    .option("--longer-than-ms <ms>", "whose last transaction began longer ago", wholeNumber(0))
    .option("--pattern <regex>", "a regular expression that the whole id has to match")
    .action(async (flags: List) => (await import("./run.ts")).listTransactions(flags));

  command(
    "describe <transactional-id...>",
    "show where transactional ids stand, and where their transactions write",
  ).action(async (transactionalIds: string[], flags: { brokers: string; json: boolean }) =>
    (await import("./run.ts")).describeTransactions({ ...flags, transactionalIds }),
  );

  command("find-hanging", "find transactions that are open in a partition and that no coordinator knows of")
    .option("--topic <name>", "only in this topic")
    .option("--partition <n>", "only in this partition of it", wholeNumber(0, PARTITION_MAX))
    .option("--broker-id <id>", "only in partitions that this broker leads", wholeNumber(0, PARTITION_MAX))
    .option(
      "--max-transaction-timeout-ms <ms>",
      "leaves alone what was written to since: the cluster's transaction.max.timeout.ms",
      wholeNumber(0),
      15 * 60_000,
    )
    .action(async (flags: Find) => (await import("./run.ts")).findHanging(flags));

  command(
    "abort",
    "abort a transaction in one partition, named by where it begins or by its producer",
    " One that its coordinator still knows of is refused: that one does not hang, and would be torn.",
  )
    .requiredOption("--topic <name>", "its topic")
    .requiredOption("--partition <n>", "its partition", wholeNumber(0, PARTITION_MAX))
    .option("--start-offset <offset>", "where it begins in the partition, as find-hanging shows it", wholeNumber(0))
    .option("--producer-id <id>", "its producer", wholeNumber(0))
    .option("--producer-epoch <n>", "only if its producer's epoch there is this one", wholeNumber(0, EPOCH_MAX))
    .option("--force", "abort it though its coordinator knows of it", false)
    .action(async (flags: Abort) => (await import("./run.ts")).abortTransaction(flags));
}

function list(text: string): readonly string[] {
  return text.split(",").map((each) => each.trim());
}

function ids(text: string): readonly number[] {
  const texts = list(text);
  if (texts.every((each) => /^\d+$/.test(each) && Number.isSafeInteger(Number(each)))) return texts.map(Number);
  throw new InvalidArgumentError("It must be whole numbers, separated by commas.");
}
