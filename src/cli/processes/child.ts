import { Reporter } from "./reporter.ts";

/**
 * The frame of a child process: runs `main` with the configuration that its parent gave, until it is done or SIGTERM asks it to
 * stop. No child outlives its parent, however that ends.
 */
export async function runChild<C>(
  main: (config: C, reporter: Reporter, stop: AbortSignal) => Promise<void>,
): Promise<never> {
  const config = JSON.parse(process.argv[2] ?? "") as C;
  const reporter = new Reporter();
  const stop = new AbortController();
  process.on("disconnect", () => process.exit(1));
  process.on("SIGTERM", () => stop.abort());
  try {
    await main(config, reporter, stop.signal);
    reporter.done();
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}
