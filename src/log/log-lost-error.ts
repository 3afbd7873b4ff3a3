/** A log that was there, durably, is gone: its folder, or every segment in it. A crash does not do that. */
export class LogLostError extends Error {
  override readonly name = "LogLostError";

  constructor(folder: string, what: string) {
    super(`${folder} is lost: ${what}`);
  }
}
