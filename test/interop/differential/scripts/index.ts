import type { Script } from "../compare.ts";
import { cluster } from "./cluster.ts";
import { configs } from "./configs.ts";
import { consumerGroups } from "./consumer-groups.ts";
import { exhaustion } from "./exhaustion.ts";
import { expiration } from "./expiration.ts";
import { fetchSessions } from "./fetch-sessions.ts";
import { fetches } from "./fetches.ts";
import { groups } from "./groups.ts";
import { offsets } from "./offsets.ts";
import { operators } from "./operators.ts";
import { producerScripts } from "./producers.ts";
import { quotas } from "./quotas.ts";
import { records } from "./records.ts";
import { streamsGroups } from "./streams-groups.ts";
import { telemetry } from "./telemetry.ts";
import { transactionVersion } from "./transaction-version.ts";
import { classicTransactions } from "./transactions-classic.ts";
import { transactionsV2 } from "./transactions-v2.ts";

export const scripts: readonly Script[] = [
  ...transactionsV2,
  ...classicTransactions,
  ...producerScripts,
  ...exhaustion,
  ...transactionVersion,
  ...operators,
  ...records,
  ...fetches,
  ...fetchSessions,
  ...groups,
  ...offsets,
  ...quotas,
  ...cluster,
  ...configs,
  ...telemetry,
  ...streamsGroups,
  // From here on brokers of other kinds are started.
  ...consumerGroups,
  ...expiration,
];
