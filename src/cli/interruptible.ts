import { CliError } from "./cli-error.ts";

/** Runs a command that has processes to stop: Ctrl-C, SIGTERM or a standard output that takes nothing any more aborts `signal`, and
 * nothing is left behind. The exit code is a shell's for the signal. */
export async function interruptible(work: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const stop = new AbortController();
  let exitCode = 1;
  const onSignal = (_signal: NodeJS.Signals, number: number): void => {
    exitCode = 128 + number;
    stop.abort(new Error("interrupted"));
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  // Stays: what is written on the way out fails too.
  process.stdout.on("error", ({ message }) =>
    stop.abort(new CliError(`standard output takes nothing any more: ${message}`)),
  );
  try {
    process.exitCode = (await work(stop.signal)) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    if (stop.signal.reason instanceof CliError) throw stop.signal.reason;
    console.log("Interrupted: every process that was started has been stopped.");
    process.exitCode = exitCode;
  }
}
