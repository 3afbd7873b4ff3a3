/** Real requests: those of test/golden, which real clients sent. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const golden = join(import.meta.dirname, "../test/golden");

interface Exchange {
  readonly request: string;
}

/** Each without its length. */
export const goldenRequests: readonly Buffer[] = ["kcat", "java", "kafkajs", "platformatic", "apache-kafka"].flatMap(
  (client) => {
    const exchanges: readonly Exchange[] = JSON.parse(readFileSync(join(golden, `${client}.json`), "utf8"));
    return exchanges.map(({ request }) => Buffer.from(request, "hex"));
  },
);

/** Whole record batches, of every compression. */
export const goldenBatches: readonly Buffer[] = (
  JSON.parse(readFileSync(join(golden, "record-batches.json"), "utf8")) as readonly { readonly batch: string }[]
).map(({ batch }) => Buffer.from(batch, "hex"));
