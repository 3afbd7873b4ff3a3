/** What a look at a log's files has found. */
export interface Finding {
  readonly path: string;
  /** In the file; undefined when it is about the file as a whole. */
  readonly position?: number;
  readonly problem: string;
  /** False for what the next start puts right by itself, and for what only deserves to be known. */
  readonly isDamage: boolean;
}

/** A start that finishes a compaction may leave it so. */
export function missingIndex(path: string): Finding {
  return { path, problem: "the file is missing: it is built anew from the batches when needed", isDamage: false };
}

/** So much was looked at. */
export interface Extent {
  segments: number;
  batches: number;
  bytes: number;
}
