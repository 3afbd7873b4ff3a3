/** Short names for the wire messages that the group coordinator takes and gives. */
import type { consumerGroupDescribe } from "../../protocol/apis/consumer-group-describe.ts";
import type { consumerGroupHeartbeat } from "../../protocol/apis/consumer-group-heartbeat.ts";
import type { deleteGroups } from "../../protocol/apis/delete-groups.ts";
import type { describeGroups } from "../../protocol/apis/describe-groups.ts";
import type { heartbeat } from "../../protocol/apis/heartbeat.ts";
import type { joinGroup } from "../../protocol/apis/join-group.ts";
import type { leaveGroup } from "../../protocol/apis/leave-group.ts";
import type { listGroups } from "../../protocol/apis/list-groups.ts";
import type { offsetCommit } from "../../protocol/apis/offset-commit.ts";
import type { offsetDelete } from "../../protocol/apis/offset-delete.ts";
import type { offsetFetch } from "../../protocol/apis/offset-fetch.ts";
import type { streamsGroupDescribe } from "../../protocol/apis/streams-group-describe.ts";
import type { streamsGroupHeartbeat } from "../../protocol/apis/streams-group-heartbeat.ts";
import type { syncGroup } from "../../protocol/apis/sync-group.ts";
import type { txnOffsetCommit } from "../../protocol/apis/txn-offset-commit.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";

export type JoinGroupRequest = RequestOf<typeof joinGroup>;
export type JoinGroupResponse = ResponseBody<typeof joinGroup>;
export type SyncGroupRequest = RequestOf<typeof syncGroup>;
export type SyncGroupResponse = ResponseBody<typeof syncGroup>;
export type HeartbeatRequest = RequestOf<typeof heartbeat>;
export type HeartbeatResponse = ResponseBody<typeof heartbeat>;
export type LeaveGroupRequest = RequestOf<typeof leaveGroup>;
export type LeaveGroupResponse = ResponseBody<typeof leaveGroup>;
export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>;
export type ConsumerGroupHeartbeatResponse = ResponseBody<typeof consumerGroupHeartbeat>;
export type StreamsGroupHeartbeatRequest = RequestOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatResponse = ResponseBody<typeof streamsGroupHeartbeat>;
export type OffsetCommitRequest = RequestOf<typeof offsetCommit>;
export type OffsetCommitResponse = ResponseBody<typeof offsetCommit>;
type TxnOffsetCommit = RequestOf<typeof txnOffsetCommit>;
/** With the ids that its topics had when it came: the request names them only. */
export type TxnOffsetCommitRequest = Omit<TxnOffsetCommit, "topics"> & {
  readonly topics: (TxnOffsetCommit["topics"][number] & { readonly topicId: string })[];
};
export type TxnOffsetCommitResponse = ResponseBody<typeof txnOffsetCommit>;
export type OffsetDeleteRequest = RequestOf<typeof offsetDelete>;
export type OffsetDeleteResponse = ResponseBody<typeof offsetDelete>;
export type ListGroupsRequest = RequestOf<typeof listGroups>;

/** One group of an OffsetFetch, in the shape of version 8 and later. */
export type OffsetFetchGroup = RequestOf<typeof offsetFetch>["groups"][number];
export type OffsetFetchGroupResult = NonNullable<ResponseBody<typeof offsetFetch>["groups"]>[number];
export type OffsetFetchTopicResult = OffsetFetchGroupResult["topics"][number];
export type OffsetFetchPartitionResult = OffsetFetchTopicResult["partitions"][number];
/** One group of a DescribeGroups, a ConsumerGroupDescribe, a StreamsGroupDescribe, a ListGroups or a DeleteGroups. */
export type DescribedGroup = ResponseBody<typeof describeGroups>["groups"][number];
export type DescribedConsumerGroup = ResponseBody<typeof consumerGroupDescribe>["groups"][number];
export type DescribedStreamsGroup = ResponseBody<typeof streamsGroupDescribe>["groups"][number];
export type ListedGroup = ResponseBody<typeof listGroups>["groups"][number];
export type DeletedGroup = ResponseBody<typeof deleteGroups>["results"][number];

/** What the coordinator must know of a request beside its body. */
export interface GroupRequestContext {
  readonly apiVersion: number;
  readonly clientId: string;
  /** As Kafka shows it: "/127.0.0.1". */
  readonly clientHost: string;
}
