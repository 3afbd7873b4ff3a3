/** OffsetCommit: how far a group has come. */
import type { OffsetCommitResponse } from "../../coordinator/group/messages.ts";
import { offsetCommit } from "../../protocol/apis/offset-commit.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { CommitTargets } from "./commit-targets.ts";

/** The first version that names topics by id. */
const TOPIC_ID_VERSION = 10;

export function offsetCommitHandler({ groups, image }: BrokerServices): Handler<typeof offsetCommit> {
  return {
    api: offsetCommit,
    handle(request, context, reply) {
      const targets = new CommitTargets(image, request.topics, context.apiVersion >= TOPIC_ID_VERSION);
      groups.request<OffsetCommitResponse>(
        request.groupId,
        (machine, now, answer) => machine.commitOffsets({ ...request, topics: targets.valid }, context, now, answer),
        ({ topics }) => reply({ topics: targets.merge(topics) }),
        (error) => ({ topics: targets.refuse(error) }),
      );
    },
  };
}
