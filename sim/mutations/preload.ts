/** Loaded before anything else: replaces one expression in one source file as it is loaded. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { mutations } from "./list.ts";

const mutation = mutations.find(({ name }) => name === process.env.ONCILLA_MUTATION);
if (!mutation) throw new Error(`there is no mutation "${process.env.ONCILLA_MUTATION}"`);

const url = new URL(`../../src/${mutation.file}`, import.meta.url).href;
const source = readFileSync(new URL(url), "utf8");
const pieces = source.split(mutation.find);
if (pieces.length !== 2) throw new Error(`${mutation.file} has "${mutation.find}" ${pieces.length - 1} times`);

registerHooks({
  load(loaded, context, nextLoad) {
    const result = nextLoad(loaded, context);
    return loaded === url ? { ...result, source: pieces.join(mutation.replace) } : result;
  },
});
