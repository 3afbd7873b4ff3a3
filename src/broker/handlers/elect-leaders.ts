/** ElectLeaders: there is one replica of each partition, which leads as long as it can. */
import { electLeaders } from "../../protocol/apis/elect-leaders.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import { clipped } from "../../protocol/strings.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

type ElectRequest = RequestOf<typeof electLeaders>;
type Result = ResponseBody<typeof electLeaders>["replicaElectionResults"][number]["partitionResult"][number];

const PREFERRED = 0;
const UNCLEAN = 1;

export function electLeadersHandler(services: BrokerServices): Handler<typeof electLeaders> {
  return {
    api: electLeaders,
    handle({ electionType, topicPartitions }, _context, reply) {
      const isKnown = electionType === PREFERRED || electionType === UNCLEAN;
      const replicaElectionResults = (topicPartitions ?? allTopics(services)).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId): Result => {
          const [error, errorMessage] = isKnown
            ? elect(services, topic, partitionId, electionType)
            : (["INVALID_REQUEST", `Unknown election type ${electionType}`] as const);
          return { partitionId, errorCode: errorCodes[error], errorMessage: clipped(errorMessage) };
        }),
      }));
      const errorCode = errorCodes[isKnown ? "NONE" : "INVALID_REQUEST"];
      reply({ throttleTimeMs: 0, errorCode, replicaElectionResults });
    },
  };
}

/** When all are asked for, only those for which something had to be done are answered: none. */
function allTopics({ image }: BrokerServices): NonNullable<ElectRequest["topicPartitions"]> {
  return image.topics().map(({ name }) => ({ topic: name, partitions: [] }));
}

function elect(
  { image, partitions }: BrokerServices,
  topic: string,
  partition: number,
  electionType: number,
): readonly [ErrorName, string] {
  if (!image.topic(topic)) return ["UNKNOWN_TOPIC_OR_PARTITION", `No such topic as ${topic}`];
  const found = partitions.find(topic, partition);
  if (typeof found !== "string") return ["ELECTION_NOT_NEEDED", "Leader election not needed for topic partition."];
  if (found === "UNKNOWN_TOPIC_OR_PARTITION") return [found, `No such partition as ${topic}-${partition}`];
  return electionType === PREFERRED
    ? ["PREFERRED_LEADER_NOT_AVAILABLE", "The preferred leader was not available."]
    : ["ELIGIBLE_LEADERS_NOT_AVAILABLE", "Eligible topic partition leaders are not available."];
}
