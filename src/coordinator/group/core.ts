import type { Logger } from "../../platform/logger.ts";
import type { DeadlineQueue } from "../deadlines.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { GroupCoordinatorConfig, GroupSettings } from "./config.ts";
import type { Group } from "./group.ts";
import type { TimersOfMembers } from "./member-timers.ts";
import type { OffsetStore } from "./offset-store.ts";
import type { TopicCatalog } from "./topic-catalog.ts";
import type { Turn } from "./turn.ts";

/** The coordinator's state, as its parts share it. */
export interface GroupCore {
  readonly config: GroupCoordinatorConfig;
  readonly logger: Logger;
  readonly topics: TopicCatalog;
  /** A group's own settings, or the defaults. */
  readonly settingsOf: (groupId: string) => GroupSettings;
  readonly groups: Map<string, Group>;
  readonly offsets: OffsetStore;
  readonly deadlines: DeadlineQueue<Turn>;
  readonly memberTimers: TimersOfMembers;
  /** Until when streams groups wait for more members before they are assigned tasks, in ms since 1970. */
  readonly assignmentDelays: Map<string, number>;
  /** A member id that was never given out before; begins with `prefix`. */
  readonly newMemberId: (prefix: string) => string;
  /** All groups' pending members, in the order in which they were given their ids. */
  readonly pendingMembers: Map<string, ClassicGroup>;
}
