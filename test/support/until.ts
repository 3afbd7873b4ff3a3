/** Resolves once `condition` holds; throws after `timeoutMs`, with what `describe` says. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => "the condition did not come true",
  timeoutMs = 25_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(JSON.stringify(describe()));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
