/** Starts processes. Each is a process group of its own (`detached`), so that Ctrl-C reaches it through us, in the right order; it
 * ends when its channel to us does. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { extname, join } from "node:path";

/** Source and build differ in their ending only. */
const extension = extname(import.meta.filename);

/** Runs the module `path` (relative to the commands' folder, without its ending), whose `runChild` gets `config`. */
export function launchChild(path: string, config: object): ChildProcess {
  const child = fork(join(import.meta.dirname, "..", `${path}${extension}`), [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true,
  });
  // Not as an argument: Linux takes 128 KiB of one. A child that is gone already is its owner's to notice.
  if (child.connected) child.send(config, () => {});
  return child;
}

/** `flags`: options of `oncilla broker` beside these. */
export function launchBroker(dataDir: string, port: number, flags: readonly string[]): ChildProcess {
  const main = join(import.meta.dirname, "..", `main${extension}`);
  return spawn(process.execPath, [main, "broker", "--data-dir", dataDir, "--port", String(port), ...flags], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
}
