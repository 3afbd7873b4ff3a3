// The suite of a client that is driven as a program of its own.

import { fencing, idempotence, offsetsInTransactions, produceAndConsume, transactions } from "./common-scenarios.ts";
import type { Context } from "./context.ts";
import { ClientError, type ConsumerSettings, Driver, type Launch } from "./driver.ts";
import { groupRebalance } from "./group-scenario.ts";
import { killedBroker } from "./killed-broker.ts";
import type { Codec } from "./records.ts";
import { KnownDefect, type Suite } from "./session.ts";

export interface CommonClient {
  name: string;
  about: string;
  /** Builds or installs what the program needs, once; throws `NotRun` where that is not to be had. */
  prepare(): Promise<Launch>;
  codecs: readonly Codec[];
  /** How its groups rebalance, as the row says it. */
  groups: Readonly<Record<string, Pick<ConsumerSettings, "protocol" | "assignor">>>;
  /** What the client does wrong with any broker, by scenario. Each must show. */
  defects?: Readonly<Record<string, string>>;
  /** Such defects that would only show by waiting in vain: these scenarios are left out. */
  hangs?: Readonly<Record<string, string>>;
}

export function commonSuite(client: CommonClient): Suite {
  return {
    about: client.about,
    async run(session) {
      let launch: Promise<Launch> | undefined;
      const scenario = (name: string, drivers: number, body: (context: Context, ...all: Driver[]) => Promise<string>) =>
        session.check(client.name, name, async () => {
          const hangs = client.hangs?.[name];
          if (hangs !== undefined) throw new KnownDefect(hangs);
          launch ??= client.prepare();
          const program = await launch;
          const started: Driver[] = [];
          try {
            for (let i = 0; i < drivers; i++) started.push(await Driver.start(program));
            for (const { version } of started) session.clients.set(client.name, { version, isCommon: true });
            return await defective(client.defects?.[name], body(await session.context(), ...started));
          } finally {
            for (const driver of started) driver.kill();
          }
        });
      const one = (name: string, body: (driver: Driver, context: Context) => Promise<string>) =>
        scenario(name, 1, (context, driver) => body(driver as Driver, context));
      const two = (name: string, body: (drivers: [Driver, Driver], context: Context) => Promise<string>) =>
        scenario(name, 2, (context, ...both) => body(both as [Driver, Driver], context));

      await one("produce and consume, each codec", (driver, context) =>
        produceAndConsume(driver, context, client.codecs),
      );
      await one("idempotent produce, answers lost", idempotence);
      await one("transactions, committed and aborted", (driver, context) => transactions(driver, context, false));
      await one("transactions, answers lost", (driver, context) => transactions(driver, context, true));
      if (session.options.isOwnBroker === true) await one("transactions, broker killed", killedBroker);
      await one("offsets in transactions, aborted and done again", (driver, context) =>
        offsetsInTransactions(driver, context, false),
      );
      await one("offsets in transactions, answers lost", (driver, context) =>
        offsetsInTransactions(driver, context, true),
      );
      await two("fencing of the older producer", ([older, newer], context) => fencing(older, newer, context, "send"));
      await two("fencing of the older producer, at its commit", ([older, newer], context) =>
        fencing(older, newer, context, "commit"),
      );
      for (const [name, how] of Object.entries(client.groups)) {
        await two(`group rebalance, ${name}`, (drivers, context) => groupRebalance(drivers, context, how, false));
      }
      const [how] = Object.values(client.groups);
      if (how !== undefined) {
        await two("group rebalance, answers lost", (drivers, context) => groupRebalance(drivers, context, how, true));
      }
    },
  };
}

/** A scenario whose client has a known defect must fail by the client's doing, and by nothing else. */
async function defective(defect: string | undefined, running: Promise<string>): Promise<string> {
  if (defect === undefined) return running;
  try {
    await running;
  } catch (error) {
    throw error instanceof ClientError ? new KnownDefect(defect, { cause: error }) : error;
  }
  throw new Error(`this known defect did not show: ${defect}`);
}
