import { mkdirSync } from "node:fs";
import { CliError } from "../cli-error.ts";
import { launchBroker } from "./launch.ts";
import { ManagedProcess, type ProcessEvents } from "./managed-process.ts";

/** A broker of our own as a child, on the data folder `dataDir`; in all its lives at one address. */
export async function startOwnBroker(
  folder: string,
  dataDir: string,
  events: ProcessEvents,
  flags: readonly string[] = [],
): Promise<{ readonly broker: ManagedProcess; readonly address: string }> {
  mkdirSync(dataDir, { recursive: true });
  let port = 0;
  const broker = new ManagedProcess("broker", folder, () => launchBroker(dataDir, port, flags), events);
  try {
    const firstLine = await broker.start();
    const address = /listening on (\S+):(\d+)/.exec(firstLine);
    if (!address) throw new CliError(`the broker said "${firstLine.trim()}"${broker.lastWords()}`);
    port = Number(address[2]);
    return { broker, address: `${address[1]}:${port}` };
  } catch (error) {
    await broker.abandon();
    throw error;
  }
}
