/** A way to break the code: a fault that a real system has had, or could have. */
export interface Mutation {
  /** What the broken code does. */
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}
