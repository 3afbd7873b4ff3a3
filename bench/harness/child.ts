import type { ChildProcess } from "node:child_process";

/** The child does not outlive this process. Resolves when it is gone, whoever ended it. */
export function bind(child: ChildProcess): Promise<void> {
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  return new Promise((resolve) => {
    child.once("close", () => {
      process.removeListener("exit", kill);
      resolve();
    });
  });
}
