/** The package as a fresh clone has it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

it.each(Object.keys(scripts).filter((name) => !name.startsWith("pre")))(
  "npm run %s installs what is missing first",
  (name) => expect(scripts[`pre${name}`]).toBe("node scripts/ensure-tools.mjs"),
);

it("npm pack builds by a script that does", () => {
  expect(scripts.prepack).toBe("npm run build");
});
