/** What a command and its processes say to each other. */

/** Totals since the child started, by name; those of all its lives are added up. */
export type Counters = Readonly<Record<string, number>>;

export type ChildMessage =
  | { readonly type: "ready" }
  /** `position`: how far it is in its input, counted over this and all earlier lives. */
  | { readonly type: "progress"; readonly counters: Counters; readonly position?: number }
  | { readonly type: "done" };
