import { inspect } from "node:util";
import type { Logger, LogLevel } from "../logger.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Writes lines to standard error, from `lowest` on: time, level, message, then the fields as name=value. */
export function stderrLogger(lowest: LogLevel): Logger {
  const threshold = levels.indexOf(lowest);
  return {
    log(level, message, fields = {}) {
      if (levels.indexOf(level) < threshold) return;
      const details = Object.entries(fields).map(([name, value]) => ` ${name}=${show(value)}`);
      process.stderr.write(`${new Date().toISOString()} ${level.toUpperCase()} ${message}${details.join("")}\n`);
    },
  };
}

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value === "string") return /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true });
}
