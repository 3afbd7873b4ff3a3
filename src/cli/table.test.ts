import { expect, it } from "vitest";
import { table } from "./table.ts";

it("makes columns as wide as their widest cell", () => {
  expect(
    table(
      ["NAME", "N"],
      [
        ["a", 1],
        ["longer", 22],
      ],
    ),
  ).toBe("NAME    N\na       1\nlonger  22");
});

it("shows a name that a client has chosen in its row, whatever is in it", () => {
  const [, row, ...others] = table(["NAME", "STATE"], [["till\x1b[2J\n\x9b1m", "Ongoing"]]).split("\n");
  expect(row).toBe("till\\u001b[2J\\u000a\\u009b1m  Ongoing");
  expect(others).toEqual([]);
});
