/** Writes lines to standard output, no faster than they are taken. Ends early, without a word, when nobody reads on. */
export async function printLines(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const { stdout } = process;
  let isClosed = false;
  const onError = (): void => {
    isClosed = true;
  };
  stdout.on("error", onError);
  try {
    for await (const line of lines) {
      if (isClosed) return;
      if (!stdout.write(`${line}\n`))
        await new Promise((resolve) => stdout.once("drain", resolve).once("error", resolve));
    }
  } finally {
    stdout.off("error", onError);
  }
}
