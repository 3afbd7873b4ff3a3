import { inspect } from "node:util";
import type { Logger, LogLevel } from "../logger.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** `text`: time, level, message, then the fields as name=value. `json`: all of that as one object. */
export type LogFormat = "text" | "json";

/** Writes lines to standard error, from `lowest` on. Those that it does not take, as its disk is full or its reader gone, are lost. */
export function stderrLogger(lowest: LogLevel, format: LogFormat = "text"): Logger {
  // Without a listener, the error would end the process.
  if (!process.stderr.listeners("error").includes(lose)) process.stderr.on("error", lose);
  const threshold = levels.indexOf(lowest);
  const lineOf = format === "json" ? jsonLine : textLine;
  return {
    log(level, message, fields = {}) {
      if (levels.indexOf(level) < threshold) return;
      process.stderr.write(`${lineOf(level, message, fields)}\n`);
    },
  };
}

function lose(): void {}

type Fields = Readonly<Record<string, unknown>>;

function textLine(level: LogLevel, message: string, fields: Fields): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const details = given.map(([name, value]) => ` ${name}=${show(value)}`);
  return `${new Date().toISOString()} ${level.toUpperCase()} ${message}${details.join("")}`;
}

/** A field that is named like one of the line's own is not shown. */
function jsonLine(level: LogLevel, message: string, fields: Fields): string {
  const own = { time: new Date().toISOString(), level, message };
  return JSON.stringify({ ...own, ...fields, ...own }, (_name, value) => plain(value));
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return { ...value, message: value.message, stack: value.stack };
  return typeof value === "bigint" ? String(value) : value;
}

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value === "string") return /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true });
}
