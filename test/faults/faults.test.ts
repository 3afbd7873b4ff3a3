import { existsSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applied } from "./apply.ts";
import { withTables } from "./tables.ts";
import { faults } from "./variants.ts";

const root = join(import.meta.dirname, "../..");

describe("the broken variants that tests have been seen to fail on", () => {
  it.each(faults.flatMap(({ variants }) => variants).map((variant) => [variant.breaks, variant] as const))(
    "%s: the place is still there",
    (_, variant) => {
      const broken = applied(variant, readFileSync(join(root, "src", variant.file), "utf8"));
      expect(() => stripTypeScriptTypes(broken), "what no engine can read runs no test").not.toThrow();
      expect(existsSync(join(root, variant.test.file))).toBe(true);
    },
  );

  it("are all in docs/exactly-once.md, and so are the differences that are meant (npm run faults -- --write)", () => {
    const page = readFileSync(join(root, "docs/exactly-once.md"), "utf8");
    expect(withTables(page)).toBe(page);
  });

  it("have names of their own", () => {
    const names = faults.flatMap(({ variants }) => variants.map(({ breaks }) => breaks));
    expect(new Set(names).size).toBe(names.length);
  });
});
