/** A server that only moves bytes between a connection and a file: what the machine allows. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { bind } from "./child.ts";
import { compileNative, hasCompiler } from "./native.ts";

export interface PlainServer {
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** receive: writes the frames it gets to the file. send: answers with parts of the file. */
export async function startPlainServer(mode: "receive" | "send", file: string): Promise<PlainServer> {
  const inC = hasCompiler();
  const [program, args] = inC
    ? [await compileNative("plain-server"), [mode, file]]
    : [process.execPath, [join(import.meta.dirname, "..", "plain-server.ts"), mode, file]];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = bind(child);
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk)));
    child.once("exit", (code) => reject(new Error(`the plain server ended with ${code}`)));
  });
  return {
    address: `127.0.0.1:${port}`,
    pid: child.pid ?? -1,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
