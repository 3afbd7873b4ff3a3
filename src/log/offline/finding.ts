/** What a look at a log's files has found. */
export interface Finding {
  readonly path: string;
  /** In the file; undefined when it is about the file as a whole. */
  readonly position?: number;
  readonly problem: string;
  /** False for what the next start puts right by itself, and for what only deserves to be known. */
  readonly isDamage: boolean;
}

/** So much was looked at. */
export interface Extent {
  segments: number;
  batches: number;
  bytes: number;
}
