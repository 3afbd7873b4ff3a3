/** The small C programs of bench/native, compiled when they are needed. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir, hasProgram, run } from "../../test/interop/toolchain.ts";

export function hasCompiler(): boolean {
  return hasProgram("cc", "--version");
}

/** Gives the path of the program. `link` is put behind the source on the command line. */
export async function compileNative(name: string, link: readonly string[] = []): Promise<string> {
  const source = join(import.meta.dirname, "..", "native", `${name}.c`);
  const hash = createHash("sha256").update(readFileSync(source)).update(link.join(" ")).digest("hex").slice(0, 12);
  const folder = join(cacheDir(), "bench");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `${name}-${hash}`);
  if (existsSync(program)) return program;
  const finished = await run("cc", ["-O2", "-o", program, source, ...link]);
  if (finished.code !== 0) throw new Error(`cc ${source} failed\n${finished.stderr}`);
  return program;
}
