import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/index.ts";
import { CliError } from "../cli-error.ts";

const ANSWER_TIMEOUT_MS = 5_000;

/** Fails soon where a client would go on trying for a minute. */
export async function answering(client: Client, brokers: string): Promise<void> {
  const silence = delay(ANSWER_TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new CliError(`no broker answers at ${brokers}: is it running, and is the address right?`);
  });
  await Promise.race([client.admin().describeCluster(), silence]);
}
