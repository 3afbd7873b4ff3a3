/** The demo's input: which files, and their lines. */
import { createReadStream, createWriteStream, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { CliError } from "../cli-error.ts";

const PROSE = /^(readme|licen[cs]e|notice|changelog|authors|contributing)(\.|$)|\.(md|markdown|txt)$/i;
/** Type declarations of these packages are documentation for the most part. */
const DOCUMENTED_PACKAGES = "@types";

/** Standard input can be read once; the producer may have to read its input again. */
export async function spoolStandardInput(file: string, signal: AbortSignal): Promise<void> {
  await pipeline(process.stdin, createWriteStream(file), { signal });
}

/** The files that `paths` name, folders searched through, in a fixed order; the default text when there are none. */
export function inputFiles(paths: readonly string[]): string[] {
  if (paths.length === 0) return defaultFiles();
  const files = paths.flatMap(filesAt);
  if (files.length === 0) throw new CliError(`${paths.join(", ")}: no files found`);
  return files;
}

function filesAt(path: string): string[] {
  if (!existsSync(path)) throw new CliError(`${path}: no such file or folder`);
  try {
    return statSync(path).isDirectory() ? filesIn(path, () => true) : [path];
  } catch (error) {
    throw new CliError((error as Error).message);
  }
}

/** Real prose that is there anyway: the readmes, licences and documentation of the installed packages. */
function defaultFiles(): string[] {
  const modules = nodeModulesAbove(import.meta.dirname);
  if (!modules) throw new CliError("no node_modules folder was found: name a text file or a folder to count");
  const documented = join(modules, DOCUMENTED_PACKAGES);
  return filesIn(
    modules,
    (name, folder) => PROSE.test(name) || (folder.startsWith(documented) && name.endsWith(".d.ts")),
  );
}

function nodeModulesAbove(folder: string): string | undefined {
  const candidate = join(folder, "node_modules");
  if (existsSync(candidate)) return candidate;
  const parent = dirname(folder);
  return parent === folder ? undefined : nodeModulesAbove(parent);
}

function filesIn(root: string, accepts: (name: string, folder: string) => boolean): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && accepts(entry.name, entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** All lines of `files`, one file behind the other, without their line ends. Reads as it goes. */
export async function* linesOf(files: readonly string[], signal?: AbortSignal): AsyncGenerator<string> {
  for (const file of files) {
    const input = createReadStream(file, { encoding: "utf8", ...(signal && { signal }) });
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    let failure: Error | undefined;
    const onError = (error: unknown): void => {
      failure = error as Error;
      lines.close();
    };
    // Not every Node hands it on to those who read the lines.
    input.once("error", onError);
    try {
      for await (const line of lines) yield line;
    } catch (error) {
      onError(error);
    }
    if (failure) throw new CliError(`${file}: ${failure.message}`);
  }
}

export function totalBytes(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}
