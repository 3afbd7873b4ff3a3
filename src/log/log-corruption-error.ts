/** Bytes in a log that were written and acknowledged, and are not what was written: damage that nothing here may repair by
 * cutting. Says which file and where. */
export class LogCorruptionError extends Error {
  override readonly name = "LogCorruptionError";
  readonly path: string;
  readonly position: number;
  readonly problem: string;

  constructor(path: string, position: number, problem: string) {
    super(`${path} is damaged at position ${position}: ${problem}`);
    this.path = path;
    this.position = position;
    this.problem = problem;
  }
}
