/** What a group coordinator knows of topics: groups of the new protocol are assigned partitions by it. */
export interface TopicCatalog {
  /** Another number after every change of what the rest says. */
  readonly version: number;
  topic(name: string): { readonly id: string; readonly partitionCount: number } | undefined;
  /** Undefined when there is no topic with this id (any more). */
  nameOf(topicId: string): string | undefined;
  names(): Iterable<string>;
}
