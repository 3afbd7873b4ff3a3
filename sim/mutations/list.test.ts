import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { describe, expect, it } from "vitest";
import { mutations } from "./list.ts";
import { applicationProblem } from "./run.ts";

describe("a mutation", () => {
  it.each(mutations)("still applies: $name", (mutation) => {
    expect(applicationProblem(mutation)).toBeUndefined();
    const source = readFileSync(new URL(`../../src/${mutation.file}`, import.meta.url), "utf8");
    expect(() => stripTypeScriptTypes(source.replace(mutation.find, mutation.replace))).not.toThrow();
  });

  it("has a name of its own", () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });
});
