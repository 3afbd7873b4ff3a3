/** OffsetDelete: makes a group forget offsets. */
import type { OffsetDeleteResponse } from "../../coordinator/group/messages.ts";
import { offsetDelete } from "../../protocol/apis/offset-delete.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";
import { CommitTargets } from "./commit-targets.ts";

export function offsetDeleteHandler({ groups, image }: BrokerServices): Handler<typeof offsetDelete> {
  return {
    api: offsetDelete,
    handle(request, _context, reply) {
      const asked = request.topics.map((topic) => ({ ...topic, topicId: ZERO_UUID }));
      const targets = new CommitTargets(image, asked, false);
      groups.request<OffsetDeleteResponse>(
        request.groupId,
        (machine, now, answer) => machine.deleteOffsets({ ...request, topics: targets.valid }, now, answer),
        (response) => {
          const isDone = response.errorCode === errorCodes.NONE;
          reply({ ...response, topics: isDone ? targets.merge(response.topics) : [] });
        },
        (error) => ({ errorCode: errorCodes[error], throttleTimeMs: 0, topics: [] }),
      );
    },
  };
}
