/** DescribeCluster: the one broker, which is its own controller. */
import { describeCluster } from "../../protocol/apis/describe-cluster.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from "./authorized-operations.ts";

const BROKERS = 1;

export function describeClusterHandler({ config, image }: BrokerServices): Handler<typeof describeCluster> {
  return {
    api: describeCluster,
    handle(request, { peer }, reply) {
      const { host, port } = peer.endpoint;
      const isBrokers = request.endpointType === BROKERS;
      reply({
        throttleTimeMs: 0,
        errorCode: errorCodes[isBrokers ? "NONE" : "MISMATCHED_ENDPOINT_TYPE"],
        errorMessage: isBrokers
          ? null
          : "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        clusterId: image.clusterId,
        controllerId: config.nodeId,
        brokers: isBrokers ? [{ brokerId: config.nodeId, host, port }] : [],
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
          ? CLUSTER_OPERATIONS
          : OPERATIONS_NOT_ASKED,
      });
    },
  };
}
