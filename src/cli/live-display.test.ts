import { expect, it } from "vitest";
import { LiveDisplay } from "./live-display.ts";

/** What a terminal of that width shows after all that was written to it. */
function screenOf(written: string, columns: number): string[] {
  const lines = [""];
  let row = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's commands begin with one
  for (const [, up, text, end] of written.matchAll(/\x1b\[(\d+)A\x1b\[J|([^\x1b\n]+)|(\n)/g)) {
    if (up !== undefined) {
      row = Math.max(0, row - Number(up));
      lines.splice(row, lines.length, "");
    } else if (end !== undefined) lines[++row] ??= "";
    else {
      for (const char of text ?? "") {
        if (lines[row]?.length === columns) lines[++row] = "";
        lines[row] += char;
      }
    }
  }
  return lines;
}

it("redraws its block in place, also where the terminal is narrower than a row", () => {
  let written = "";
  const out = { isTTY: true, columns: 20, write: (text: string) => (written += text) };
  const display = new LiveDisplay(out as unknown as NodeJS.WriteStream);
  display.note("begun");
  for (const count of [1, 2, 3])
    display.update({ rows: [`  acknowledged ${count}  committed ${count}`, "  cuts 0"], plain: "" });
  expect(screenOf(written, 20)).toEqual(["begun", "  acknowledged 3  c", "  cuts 0", ""]);
  display.clear();
  expect(screenOf(written, 20)).toEqual(["begun", ""]);
});
