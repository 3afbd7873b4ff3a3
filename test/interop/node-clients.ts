// The JavaScript clients, which the project has as development dependencies. `npm test` looks at them more closely
// (test/clients).

import { join } from "node:path";
import { commonSuite } from "./common-suite.ts";
import type { Launch } from "./driver.ts";
import { codecs } from "./records.ts";
import type { Suite } from "./session.ts";
import { clientsDir } from "./toolchain.ts";

async function prepare(name: string): Promise<Launch> {
  return { command: process.execPath, args: [join(clientsDir, name, "driver.ts")] };
}

export const kafkajsSuite: Suite = commonSuite({
  name: "kafkajs",
  about: "a JavaScript client",
  prepare: async () => ({ ...(await prepare("kafkajs")), lacksNullHeaders: true }),
  // The others need packages that nobody looks after any more.
  codecs: ["none", "gzip"],
  groups: { "round-robin assignor": { protocol: "classic", assignor: "roundrobin" } },
  defects: {
    "transactions, answers lost": "a commit or an abort whose answer is lost fails, and cannot be repeated",
    "offsets in transactions, answers lost": "so does what adds offsets to a transaction",
  },
  hangs: {
    "group rebalance, answers lost":
      "a member whose connection breaks while it joins again stays outside of the group, and says nothing",
  },
});

export const platformaticSuite: Suite = commonSuite({
  name: "@platformatic/kafka",
  about: "a JavaScript client",
  prepare: () => prepare("platformatic"),
  codecs,
  groups: {
    "round-robin assignor": { protocol: "classic", assignor: "roundrobin" },
    "consumer protocol (KIP-848)": { protocol: "consumer", assignor: "uniform" },
  },
  defects: {
    "transactions, committed and aborted": "it shows aborted records at read_committed",
    "transactions, answers lost": "it shows aborted records at read_committed",
    "transactions, broker killed": "it shows aborted records at read_committed",
  },
});
