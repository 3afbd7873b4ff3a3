/** Changes to topics that are asked for together, where each topic has an answer of its own. */
import { type ErrorName, errorName, isRetriable } from "../../protocol/errors.ts";
import { type OncillaError, wireError } from "../errors.ts";

interface TopicAnswer {
  readonly name: string | null;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface TopicChange {
  /** For errors: "creating topic". */
  readonly what: string;
  readonly topics: readonly string[];
  /** What is said of a topic that needs the change no more. Not worth a retry, as it may be elsewhere. Undefined: nothing is changed. */
  readonly doneError: ErrorName | undefined;
  ask(open: ReadonlySet<string>): Promise<readonly TopicAnswer[]>;
}

/** Asks until each topic has its answer, and again only for those that have none: what is done would be refused. Then throws the first
 * refusal. It says so when that may come of an attempt whose answer was lost: nothing tells whether it does, or somebody else was
 * faster. */
export async function changeTopics(
  retrying: (what: string, attempt: () => Promise<void>) => Promise<void>,
  { what, topics, doneError, ask }: TopicChange,
): Promise<void> {
  const open = new Set(topics);
  const unsure = new Set<string>();
  let refusal: OncillaError | undefined;
  await retrying(`${what} ${topics.join()}`, async () => {
    const answers = await ask(open).catch((error: unknown) => {
      for (const name of open) unsure.add(name);
      throw error;
    });
    let obstacle: OncillaError | undefined;
    for (const { name: answered, errorCode, errorMessage } of answers) {
      const name = answered ?? "";
      const error = errorName(errorCode);
      if (error !== doneError && isRetriable(error)) {
        obstacle ??= wireError(error, `${what} ${name}`, errorMessage);
        if (error === "REQUEST_TIMED_OUT") unsure.add(name);
        continue;
      }
      open.delete(name);
      if (error === "NONE") continue;
      const isOurs = error === doneError && unsure.has(name);
      const detail = isOurs ? "perhaps an attempt of this call did it, whose answer was lost" : errorMessage;
      refusal ??= wireError(error, `${what} ${name}`, detail, { retriable: false });
    }
    if (obstacle) throw obstacle;
  });
  if (refusal) throw refusal;
}
