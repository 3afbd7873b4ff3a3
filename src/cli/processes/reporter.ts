/** The child's side of its line to the parent. */
import type { ChildMessage, Counters } from "./messages.ts";

export const REPORT_INTERVAL_MS = 50;

export class Reporter {
  ready(): void {
    send({ type: "ready" });
  }

  progress(counters: Counters, position?: number): void {
    send(position === undefined ? { type: "progress", counters } : { type: "progress", counters, position });
  }

  done(): void {
    send({ type: "done" });
  }
}

function send(message: ChildMessage): void {
  // Without a parent there is nobody to tell, and the "disconnect" handler ends the process.
  if (process.connected) process.send?.(message);
}
