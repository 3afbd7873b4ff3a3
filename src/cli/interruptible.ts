/** Runs a command that has processes to stop: Ctrl-C or SIGTERM aborts `signal`, and nothing is left behind. */
export async function interruptible(work: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error("interrupted"));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    process.exitCode = (await work(stop.signal)) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.log("Interrupted: every process that was started has been stopped.");
    process.exitCode = 130;
  }
}
