export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where log lines go. `fields` are plain values: topic, partition, path, error … */
export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Drops everything: the default inside a user's process, where only errors thrown to the caller matter. */
export const silentLogger: Logger = { log: () => {} };
