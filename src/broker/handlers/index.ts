/** The handlers of all APIs that are served. */

import type { apiVersions } from "../../protocol/apis/api-versions.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { AnyHandler } from "../router.ts";
import { addOffsetsToTxnHandler } from "./add-offsets-to-txn.ts";
import { addPartitionsToTxnHandler } from "./add-partitions-to-txn.ts";
import { alterConfigsHandler, incrementalAlterConfigsHandler } from "./alter-configs.ts";
import { apiVersionsHandler, unknownVersionResponse } from "./api-versions.ts";
import { alterClientQuotasHandler, describeClientQuotasHandler } from "./client-quotas.ts";
import { createPartitionsHandler } from "./create-partitions.ts";
import { createTopicsHandler } from "./create-topics.ts";
import { deleteRecordsHandler } from "./delete-records.ts";
import { deleteTopicsHandler } from "./delete-topics.ts";
import { describeClusterHandler } from "./describe-cluster.ts";
import { describeConfigsHandler } from "./describe-configs.ts";
import { alterReplicaLogDirsHandler, describeLogDirsHandler } from "./describe-log-dirs.ts";
import { describeProducersHandler } from "./describe-producers.ts";
import { describeQuorumHandler } from "./describe-quorum.ts";
import { describeTopicPartitionsHandler } from "./describe-topic-partitions.ts";
import { describeTransactionsHandler } from "./describe-transactions.ts";
import { electLeadersHandler } from "./elect-leaders.ts";
import { endTxnHandler } from "./end-txn.ts";
import { fetchHandler } from "./fetch.ts";
import { findCoordinatorHandler } from "./find-coordinator.ts";
import {
  consumerGroupDescribeHandler,
  deleteGroupsHandler,
  describeGroupsHandler,
  listGroupsHandler,
} from "./group-admin.ts";
import { initProducerIdHandler } from "./init-producer-id.ts";
import { listConfigResourcesHandler } from "./list-config-resources.ts";
import { listOffsetsHandler } from "./list-offsets.ts";
import { listTransactionsHandler } from "./list-transactions.ts";
import {
  consumerGroupHeartbeatHandler,
  heartbeatHandler,
  joinGroupHandler,
  leaveGroupHandler,
  syncGroupHandler,
} from "./membership.ts";
import { metadataHandler } from "./metadata.ts";
import { offsetCommitHandler } from "./offset-commit.ts";
import { offsetDeleteHandler } from "./offset-delete.ts";
import { offsetFetchHandler } from "./offset-fetch.ts";
import { offsetForLeaderEpochHandler } from "./offset-for-leader-epoch.ts";
import { alterPartitionReassignmentsHandler, listPartitionReassignmentsHandler } from "./partition-reassignments.ts";
import { produceHandler } from "./produce.ts";
import { streamsGroupDescribeHandler, streamsGroupHeartbeatHandler } from "./streams-group.ts";
import { telemetryHandlers } from "./telemetry.ts";
import { txnOffsetCommitHandler } from "./txn-offset-commit.ts";
import { updateFeaturesHandler } from "./update-features.ts";
import { writeTxnMarkersHandler } from "./write-txn-markers.ts";

export function createHandlers(services: BrokerServices): {
  readonly handlers: readonly AnyHandler[];
  /** For ApiVersions requests of a version that is not known. */
  readonly unknownVersion: ResponseBody<typeof apiVersions>;
} {
  const handlers: readonly AnyHandler[] = [
    produceHandler(services),
    fetchHandler(services),
    listOffsetsHandler(services),
    metadataHandler(services),
    offsetCommitHandler(services),
    offsetFetchHandler(services),
    findCoordinatorHandler(services),
    joinGroupHandler(services),
    heartbeatHandler(services),
    leaveGroupHandler(services),
    syncGroupHandler(services),
    describeGroupsHandler(services),
    listGroupsHandler(services),
    apiVersionsHandler(services, () => handlers),
    createTopicsHandler(services),
    deleteTopicsHandler(services),
    deleteRecordsHandler(services),
    initProducerIdHandler(services),
    offsetForLeaderEpochHandler(services),
    addPartitionsToTxnHandler(services),
    addOffsetsToTxnHandler(services),
    endTxnHandler(services),
    writeTxnMarkersHandler(services),
    txnOffsetCommitHandler(services),
    describeConfigsHandler(services),
    alterConfigsHandler(services),
    incrementalAlterConfigsHandler(services),
    createPartitionsHandler(services),
    deleteGroupsHandler(services),
    offsetDeleteHandler(services),
    electLeadersHandler(services),
    alterPartitionReassignmentsHandler(services),
    listPartitionReassignmentsHandler(),
    describeClientQuotasHandler(services),
    alterClientQuotasHandler(services),
    describeQuorumHandler(services),
    updateFeaturesHandler(services),
    describeClusterHandler(services),
    describeProducersHandler(services),
    describeTransactionsHandler(services),
    listTransactionsHandler(services),
    describeTopicPartitionsHandler(services),
    describeLogDirsHandler(services),
    alterReplicaLogDirsHandler(services),
    listConfigResourcesHandler(services),
    ...telemetryHandlers(services),
    consumerGroupHeartbeatHandler(services),
    consumerGroupDescribeHandler(services),
    streamsGroupHeartbeatHandler(services),
    streamsGroupDescribeHandler(services),
  ];
  return { handlers, unknownVersion: unknownVersionResponse(handlers) };
}
