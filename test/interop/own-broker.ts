// Our broker in a process of its own, as a user starts it.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { killGroup, start } from "./children.ts";
import type { Target } from "./session.ts";

export interface OwnBroker extends Target {
  /** SIGKILL. Its folder stays for the next one. */
  kill(): Promise<void>;
}

/** Its data goes to `scratch/data`, its log to `scratch/broker.log`. Port 0: one that is free. */
export async function startOwnBroker(scratch: string, port = "0"): Promise<OwnBroker> {
  const dataDir = join(scratch, "data");
  const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
  // As short as clients may choose their own in the classic protocol.
  const timeouts = ["--group-streams-session-timeout-ms", "6000", "--group-streams-heartbeat-interval-ms", "500"];
  // So that Apache Kafka's log dumper reads segments with recovery points in them.
  const recovery = ["--recovery-point-interval-bytes", "20000"];
  const args = [main, "broker", "--data-dir", dataDir, "--port", port, ...timeouts, ...recovery];
  const log = openSync(join(scratch, "broker.log"), "a");
  const child = start(process.execPath, args, { stdio: ["ignore", "pipe", log] });
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const bound = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the broker was not ready in 30 seconds")), 30_000);
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString("utf8");
      const match = /oncilla broker listening on 127\.0\.0\.1:(\d+)/.exec(printed);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`the broker ended with ${code} before it was ready\n${printed}`));
    });
  });
  return {
    bootstrap: `127.0.0.1:${bound}`,
    dataDir,
    async kill() {
      killGroup(child);
      await exited;
    },
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => killGroup(child), 20_000);
      const code = await exited;
      clearTimeout(timer);
      if (code !== 0) throw new Error(`the broker ended with ${code} after SIGTERM`);
    },
  };
}
