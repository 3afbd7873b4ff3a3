// A Go that is new enough for a module. From 1.21 on Go fetches the toolchain that a module asks for by itself; an older one
// can fetch it too, for toolchains are modules.

import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NotRun } from "./session.ts";
import { run } from "./toolchain.ts";

/** The first that switches toolchains. */
const SWITCHING_MINOR = 21;
const downloadTimeoutMs = 10 * 60_000;

/** The command that builds the module in `folder`. `go` must be there, of whichever version. */
export async function goFor(folder: string): Promise<string> {
  const { stdout } = await run("go", ["version"]);
  if (Number(/go1\.(\d+)/.exec(stdout)?.[1]) >= SWITCHING_MINOR) return "go";
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(folder, "go.mod"), "utf8"))?.[1];
  const { stdout: platform } = await run("go", ["env", "GOOS", "GOARCH"]);
  const module = `golang.org/toolchain@v0.0.1-go${wanted}.${platform.trim().split("\n").join("-")}`;
  process.stdout.write(`Fetching ${module} …\n`);
  // Away from go.mod, which an old Go cannot read.
  const fetched = await run("go", ["mod", "download", "-json", module], { cwd: "/", timeoutMs: downloadTimeoutMs });
  if (fetched.code !== 0) throw new NotRun(`${module} cannot be had: ${fetched.stdout}${fetched.stderr}`);
  const { Dir } = JSON.parse(fetched.stdout) as { readonly Dir: string };
  makeExecutable(Dir);
  return join(Dir, "bin", "go");
}

/** A module's files are not executable, and an old Go does not know that these are to be. */
function makeExecutable(root: string): void {
  for (const folder of ["bin", "pkg/tool"]) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o555);
    }
  }
}
