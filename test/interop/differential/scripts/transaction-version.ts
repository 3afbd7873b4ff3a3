/** The finalized feature transaction.version, while clients of both kinds are at work (KIP-890). */
import { apiVersions } from "../../../../src/protocol/apis/api-versions.ts";
import { updateFeatures } from "../../../../src/protocol/apis/update-features.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";
import { look } from "../verbs/reading.ts";
import {
  addPartitions,
  describe,
  end,
  find,
  init,
  producers,
  txnOffsets,
  within,
  write,
} from "../verbs/transactions.ts";

const HIGHEST = 2;

export const transactionVersion: readonly Script[] = [0, 1].map((level) => ({
  name: `transaction.version: down to ${level} and up again, in the middle of transactions`,
  async run(side) {
    const topic = await side.createTopic("t");
    await find(side, "transaction", "a");
    await find(side, "group", "g");
    let producer = await init(side, "a");
    const classic = await init(side, "b", { version: 4 });
    await addPartitions(side, "b", classic, [[topic, 0]]);
    await write(side, topic, ["b1"], { ...within("b", classic), version: 11 });
    // At level 0 Apache Kafka cannot write down where a modern client's transaction stands, and gets stuck on it.
    const hasModernClients = level > 0;
    if (hasModernClients) await write(side, topic, ["a1"], within("a", producer));
    try {
      await finalize(side, level);
      if (hasModernClients) {
        await write(side, topic, ["a2"], { ...within("a", producer, 1), note: "a modern client goes on" });
        producer = await end(side, "a", producer, "commit", { note: "by a modern client" });
        await write(side, topic, ["a3"], { ...within("a", producer), note: "a modern client begins" });
        await txnOffsets(side, "a", producer, "g", topic, 3, { note: "by a modern client" });
        producer = await end(side, "a", producer, "abort", { note: "by a modern client" });
      }
      await end(side, "b", classic, "commit", { version: 4, note: "by an old client" });
      await addPartitions(side, "a", producer, [[topic, 0]], { note: "by one who has noticed" });
      await write(side, topic, ["a4"], { ...within("a", producer), version: 11, note: "by one who has noticed" });
      await end(side, "a", producer, "commit", { version: 4, note: "by one who has noticed" });
      await init(side, "a", { note: "a new producer" });
      const timeoutMs = 1_000;
      const timed = await init(side, "c", { timeoutMs });
      await side.inTime(timeoutMs, async () => {
        await addPartitions(side, "c", timed, [[topic, 0]]);
        await write(side, topic, ["c1"], { ...within("c", timed), version: 11 });
      });
      await side.untilTransaction(side.unique("c"), "CompleteAbort");
      await describe(side, ["a", "b", "c"]);
      await producers(side, topic);
      await look(side, topic);
    } finally {
      await finalize(side, HIGHEST);
    }
    const upgraded = await init(side, "a");
    await write(side, topic, ["a5"], within("a", upgraded));
    await end(side, "a", upgraded, "commit");
    await look(side, topic);
  },
}));

async function finalize(side: Side, level: number): Promise<void> {
  const upgradeType = level === HIGHEST ? 1 : 2;
  const featureUpdates = [{ feature: "transaction.version", maxVersionLevel: level, upgradeType }];
  await side.ask(updateFeatures, 1, { timeoutMs: 10_000, featureUpdates }, { note: `to ${level}` });
  // Apache Kafka's controller has it a moment before its broker.
  await side.until(`transaction.version is ${level}`, async () => {
    const { finalizedFeatures } = await side.peek(apiVersions, 4, {
      clientSoftwareName: "raw",
      clientSoftwareVersion: "1",
    });
    const feature = finalizedFeatures.find(({ name }) => name === "transaction.version");
    return (feature?.maxVersionLevel ?? 0) === level;
  });
}
