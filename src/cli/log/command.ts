import { resolve } from "node:path";
import type { Command } from "commander";
import { DiskError } from "../../platform/disk.ts";
import { nodeDisk } from "../../platform/node/disk.ts";
import { CliError } from "../cli-error.ts";
import { printLines } from "../print.ts";

export function addLogCommand(program: Command): void {
  const log = program.command("log").summary("look at a broker's files while it does not run");
  log
    .command("verify")
    .summary("check every byte of a data folder's logs")
    .description(
      "Checks every batch's CRC and offsets, indexes and snapshots against the batches, and says what does not hold, in which " +
        "file and where. Changes nothing. Exit code 1 when there is damage.",
    )
    .argument("<folder>", "a broker's data folder, or one partition's")
    .action((folder: string) => withDiskErrors(() => verify(resolve(folder))));
  log
    .command("dump")
    .summary("print what stands in a segment, index, snapshot or checkpoint")
    .description(
      "Prints a line for each batch or entry of a file. Records of __consumer_offsets, __transaction_state and " +
        "__cluster_metadata are shown decoded. Exit code 1 when a batch or snapshot is damaged; log verify checks all.",
    )
    .argument("<file>", "for example data/topic-0/00000000000000000000.log")
    .option("--records", "the records inside the batches too", false)
    .action((file: string, options: { readonly records: boolean }) =>
      withDiskErrors(() => dump(resolve(file), options)),
    );
}

async function verify(folder: string): Promise<void> {
  const { verifyFolder } = await import("./verify.ts");
  const lines = verifyFolder(nodeDisk, folder);
  await printLines(
    (function* () {
      const { partitions, segments, batches, bytes, damages } = yield* lines;
      const mib = (bytes / 2 ** 20).toFixed(1);
      const extent = `${partitions} partitions, ${segments} segments, ${batches} batches, ${mib} MiB`;
      if (damages > 0) process.exitCode = 1;
      yield `${extent}: ${damages === 0 ? "sound" : `${damages} damaged`}`;
    })(),
    // The exit code is about all of it, whoever reads how much.
    { toTheEnd: true },
  );
}

async function dump(file: string, options: { readonly records: boolean }): Promise<void> {
  const { dumpFile } = await import("./dump.ts");
  const lines = dumpFile(nodeDisk, file, options);
  await printLines(
    (function* () {
      for (const line of lines) {
        if (line.startsWith("DAMAGED")) process.exitCode = 1;
        yield line;
      }
    })(),
  );
}

async function withDiskErrors(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof DiskError ? new CliError(error.message) : error;
  }
}
