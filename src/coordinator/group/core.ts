import type { Logger } from "../../platform/logger.ts";
import type { DeadlineQueue } from "../deadlines.ts";
import type { Group } from "./classic-group.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { OffsetStore } from "./offset-store.ts";
import type { Turn } from "./turn.ts";

/** The coordinator's state, as its parts share it. */
export interface GroupCore {
  readonly config: GroupCoordinatorConfig;
  readonly logger: Logger;
  readonly groups: Map<string, Group>;
  readonly offsets: OffsetStore;
  readonly deadlines: DeadlineQueue<Turn>;
  /** A member id that was never given out before; begins with `prefix`. */
  readonly newMemberId: (prefix: string) => string;
  /** The sum of all groups' pending members. */
  pendingMemberCount: number;
}
