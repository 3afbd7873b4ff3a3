// Every suite of `npm run interop`, by the name that it takes on the command line, in the order in which they run.

import { compactionSuite } from "./compaction.ts";
import { differentialSuite } from "./differential/suite.ts";
import { kafkaStreamsSuite } from "./kafka-streams.ts";
import { kafkaTestToolsSuite } from "./kafka-test-tools.ts";
import { franzGoSuite, rdkafkaSuite } from "./native-clients.ts";
import { kafkajsSuite, platformaticSuite } from "./node-clients.ts";
import { operatorToolsSuite } from "./operator-tools.ts";
import { aiokafkaSuite, confluentKafkaSuite } from "./python-clients.ts";
import { javaSuite, kcatSuite } from "./scenarios.ts";
import type { Suite } from "./session.ts";

export const suites: ReadonlyMap<string, Suite> = new Map([
  ["java", javaSuite],
  ["kafka-streams", kafkaStreamsSuite],
  ["kcat", kcatSuite],
  ["confluent-kafka-python", confluentKafkaSuite],
  ["aiokafka", aiokafkaSuite],
  ["franz-go", franzGoSuite],
  ["rdkafka", rdkafkaSuite],
  ["kafkajs", kafkajsSuite],
  ["platformatic", platformaticSuite],
  ["compaction", compactionSuite],
  ["operator-tools", operatorToolsSuite],
  ["kafka-test-tools", kafkaTestToolsSuite],
  ["differential", differentialSuite],
]);
