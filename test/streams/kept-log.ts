import type { Logger } from "../../src/platform/logger.ts";

/** A logger that keeps what it is told. */
export function keptLog(): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  return { lines, logger: { log: (_level, message) => lines.push(message) } };
}
