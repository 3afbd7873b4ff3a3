import { Reporter } from "./reporter.ts";

/**
 * The frame of a child process: runs `main` with the configuration that its parent says first, until it is done or SIGTERM asks it
 * to stop. No child outlives its parent, however that ends.
 */
export async function runChild<C>(
  main: (config: C, reporter: Reporter, stop: AbortSignal) => Promise<void>,
): Promise<never> {
  const reporter = new Reporter();
  const stop = new AbortController();
  process.on("disconnect", () => process.exit(1));
  process.on("SIGTERM", () => stop.abort());
  try {
    const config = await new Promise<C>((resolve) => process.once("message", resolve));
    await main(config, reporter, stop.signal);
    reporter.done();
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}
