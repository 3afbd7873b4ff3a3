// A client's transactions while our broker is killed with SIGKILL and comes back, in the middle of them.

import { ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markEnds, partitions, readToMarks, recordsOf, same, shows, storedRecords } from "./common-scenarios.ts";
import { openContext } from "./context.ts";
import { ClientError, type Driver, type TopicRecord } from "./driver.ts";
import { type OwnBroker, startOwnBroker } from "./own-broker.ts";

const perRound = 40;

/** Where in a transaction the broker dies; with the next step under way, or before it. */
const moments = ["nowhere", "before the send", "with the send", "before the end", "with the end"] as const;

/**
 * Two transactions for each moment, one that commits and one that aborts. Most clients go on by themselves. With one that
 * gives up, the same is done as an application would: a new producer of the same id ends what is open, and a transaction
 * whose commit was not confirmed is looked for, and done again if it is not there. It must be there whole or not at all.
 */
export async function killedBroker(driver: Driver): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), "oncilla-killed-"));
  const drop = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once("exit", drop);
  let broker: OwnBroker = await startOwnBroker(scratch);
  const { bootstrap } = broker;
  const context = await openContext(bootstrap);
  const producer = { transactionalId: context.name("id"), batchBytes: 4096 };
  let kills = 0;
  let recoveries = 0;
  const kill = async (): Promise<void> => {
    kills++;
    await broker.kill();
    broker = await startOwnBroker(scratch, bootstrap.split(":")[1]);
  };
  /** A step of the client's, and the broker's death before it or while it runs. */
  const during = async (step: () => Promise<unknown>, what: string, moment: string): Promise<void> => {
    if (moment === `before the ${what}`) await kill();
    const [done, killed] = await Promise.allSettled([step(), moment === `with the ${what}` ? kill() : undefined]);
    for (const outcome of [killed, done]) if (outcome.status === "rejected") throw outcome.reason;
  };

  try {
    const topic = await context.createTopic(partitions);
    const committed: TopicRecord[] = [];
    let sent = 0;
    /** Whether the transaction was ended as it was to be. Throws when it was ended by halves. */
    const attempt = async (records: readonly TopicRecord[], commits: boolean, moment: string): Promise<boolean> => {
      try {
        await driver.begin();
        sent += records.length;
        await during(() => driver.send(records), "send", moment);
        await during(() => (commits ? driver.commit() : driver.abort()), "end", moment);
        return true;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        recoveries++;
        await driver.open(bootstrap, { producer });
        const visible = (await storedRecords(context, topic, "read_committed")).length - committed.length;
        ok(
          visible === 0 || (commits && visible === records.length),
          `${visible} records of an unconfirmed transaction`,
        );
        return !commits || visible > 0;
      }
    };
    await driver.open(bootstrap, { producer });
    for (const [index, moment] of moments.entries()) {
      for (const commits of [true, false]) {
        const at = (2 * index + (commits ? 0 : 1)) * perRound;
        const records = driver.writable(recordsOf(topic, at, perRound, Date.now()));
        if (!(await attempt(records, commits, moment))) ok(await attempt(records, commits, "nowhere"), "nor again");
        if (commits) committed.push(...records);
      }
    }
    await driver.close();
    same(await storedRecords(context, topic, "read_committed"), committed, "read_committed, as we read");
    const stored = (await storedRecords(context, topic, "read_uncommitted")).length;
    ok(stored > committed.length && stored <= sent, `${stored} records are stored, ${sent} were sent`);
    await markEnds(context, topic);
    shows(await readToMarks(driver, context, topic, "read_committed"), committed, "read_committed");
    return `${committed.length} committed, ${stored - committed.length} aborted; ${kills} kills, ${recoveries} new producers`;
  } finally {
    await context.close();
    await broker.kill();
    drop();
    process.removeListener("exit", drop);
  }
}
