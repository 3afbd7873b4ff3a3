/** What a process has used, as Linux tells it. Undefined where there is no /proc. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

// The kernel's unit for times in /proc is 10 ms on every architecture (USER_HZ).
const TICKS_PER_SECOND = 100;

/** User and system time of all threads. */
export function cpuSeconds(pid: number): number | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  // The name of the program comes second, in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory that was resident since the last reset. */
export function peakMemoryMib(pid: number): number | undefined {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return undefined;
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, "utf8"));
  return match ? Number(match[1]) / 1024 : undefined;
}

export function resetPeakMemory(pid: number): void {
  const path = `/proc/${pid}/clear_refs`;
  if (existsSync(path)) writeFileSync(path, "5");
}
