/**
 * Writes lines to standard output, no faster than they are taken. When nobody reads on it ends early, without a word, or, if they
 * are wanted `toTheEnd`, takes the others without writing them.
 */
export async function printLines(
  lines: Iterable<string> | AsyncIterable<string>,
  { toTheEnd = false }: { readonly toTheEnd?: boolean } = {},
): Promise<void> {
  const { stdout } = process;
  let isClosed = false;
  let goOn = (): void => {};
  const onError = (): void => {
    isClosed = true;
    goOn();
  };
  stdout.on("error", onError);
  try {
    for await (const line of lines) {
      if (isClosed && !toTheEnd) return;
      if (isClosed || stdout.write(`${line}\n`)) continue;
      await new Promise<void>((resolve) => {
        goOn = resolve;
        stdout.once("drain", resolve);
      });
    }
  } finally {
    stdout.off("error", onError);
  }
}
