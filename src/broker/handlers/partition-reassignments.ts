/** AlterPartitionReassignments and ListPartitionReassignments (KIP-455): partitions are where they are, on the one broker. */
import { alterPartitionReassignments } from "../../protocol/apis/alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../protocol/apis/list-partition-reassignments.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import { clipped } from "../../protocol/strings.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

export function alterPartitionReassignmentsHandler(
  services: BrokerServices,
): Handler<typeof alterPartitionReassignments> {
  return {
    api: alterPartitionReassignments,
    handle({ topics, allowReplicationFactorChange }, _context, reply) {
      const responses = topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => {
          const problem = reassign(services, name, partitionIndex, replicas);
          const [error, errorMessage] = problem ?? ["NONE", null];
          return { partitionIndex, errorCode: errorCodes[error], errorMessage };
        }),
      }));
      const errorCode = errorCodes.NONE;
      reply({ throttleTimeMs: 0, allowReplicationFactorChange, errorCode, errorMessage: null, responses });
    },
  };
}

export function listPartitionReassignmentsHandler(): Handler<typeof listPartitionReassignments> {
  return {
    api: listPartitionReassignments,
    handle: (_request, _context, reply) =>
      reply({ throttleTimeMs: 0, errorCode: errorCodes.NONE, errorMessage: null, topics: [] }),
  };
}

/** Why a partition cannot be moved; undefined when it is there already. */
function reassign(
  { image, config }: BrokerServices,
  name: string,
  partition: number,
  replicas: readonly number[] | null,
): readonly [ErrorName, string | null] | undefined {
  const topic = image.topic(name);
  if (!topic) return ["UNKNOWN_TOPIC_OR_PARTITION", clipped(`Unable to find a topic named ${name}.`)];
  if (partition < 0 || partition >= topic.partitionCount) {
    return ["UNKNOWN_TOPIC_OR_PARTITION", `Unable to find partition ${name}:${partition}.`];
  }
  if (replicas === null) return ["NO_REASSIGNMENT_IN_PROGRESS", null];
  const problem = assignmentProblem(replicas, config.nodeId);
  if (problem === undefined) return undefined;
  return ["INVALID_REPLICA_ASSIGNMENT", `The manual partition assignment includes ${problem}.`];
}

function assignmentProblem(replicas: readonly number[], nodeId: number): string | undefined {
  if (replicas.length === 0) return "an empty replica list";
  const stranger = replicas.find((replica) => replica !== nodeId);
  if (stranger !== undefined) return `broker ${stranger}, but no such broker is registered`;
  return replicas.length > 1 ? `the broker ${nodeId} more than once` : undefined;
}
