/** One subtopology on one partition: the unit of work and of state. */
export interface TaskId {
  readonly subtopology: number;
  readonly partition: number;
}

/** "0_3", also the name of the task's folder. */
export function taskName({ subtopology, partition }: TaskId): string {
  return `${subtopology}_${partition}`;
}

export function parseTaskName(name: string): TaskId | undefined {
  const match = /^(\d+)_(\d+)$/.exec(name);
  return match ? { subtopology: Number(match[1]), partition: Number(match[2]) } : undefined;
}
