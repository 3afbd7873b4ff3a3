import { describe, expect, it } from "vitest";
import { complaintsOf } from "./dump-logs.ts";

/** As Apache Kafka's DumpLogSegments 4.3 prints it: a heading for each file, in no order, and a line for each gap. */
function told(...files: readonly (readonly [name: string, ...gaps: string[]])[]): string {
  const lines = files.flatMap(([name, ...gaps]) => [
    `Non-consecutive offsets in ${pathOf(name)}`,
    ...gaps.map((gap) => `  ${gap}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}

function pathOf(name: string): string {
  return `/data/40-30/${name.padStart(20, "0")}.log`;
}

function heading(name: string): string {
  return `Non-consecutive offsets in ${pathOf(name)}`;
}

describe("what the log dumper says of a log that is not compacted", () => {
  it("is no complaint where a segment begins with its own base offset", () => {
    const stderr = told(["100", "-1 is followed by 100"], ["40", "-1 is followed by 40"]);
    expect(complaintsOf(stderr, false)).toEqual([]);
    expect(complaintsOf("", false)).toEqual([]);
    const largest = "9007199254740993";
    expect(complaintsOf(told([largest, `-1 is followed by ${largest}`]), false)).toEqual([]);
  });

  it.each([
    ["another offset, as its first record is gone", "40", "-1 is followed by 41"],
    ["an offset of which its own is a part", "40", "-1 is followed by 400"],
    ["an offset before its own", "40", "-1 is followed by 30"],
    ["another offset, being the log's first segment", "0", "-1 is followed by 1"],
    ["0, of which the dumper says nothing", "0", "-1 is followed by 0"],
    ["its own, behind another one than -1", "40", "39 is followed by 40"],
  ])("is a complaint where a segment begins with %s", (_what, name, gap) => {
    const stderr = told(["100", "-1 is followed by 100"], [name, gap], ["60", "-1 is followed by 60"]);
    expect(complaintsOf(stderr, false)).toEqual([heading(name), `  ${gap}`]);
  });

  it("is a complaint the second time", () => {
    const once = ["40", "-1 is followed by 40"] as const;
    expect(complaintsOf(told([...once, once[1]]), false)).toEqual([heading("40"), `  ${once[1]}`]);
    expect(complaintsOf(told(once, once), false)).toEqual([heading("40"), `  ${once[1]}`]);
  });

  it("is a complaint where there is a gap elsewhere in the file", () => {
    const stderr = told(
      ["40", "-1 is followed by 40", "41 is followed by 44", "50 is followed by 52"],
      ["60", "-1 is followed by 60"],
      ["80", "85 is followed by 87", "-1 is followed by 80"],
    );
    expect(complaintsOf(stderr, false)).toEqual([
      heading("40"),
      "  41 is followed by 44",
      "  50 is followed by 52",
      heading("80"),
      "  85 is followed by 87",
      "  -1 is followed by 80",
    ]);
  });

  it("is a complaint where it names no gap, or belongs to no file", () => {
    const stray = "  -1 is followed by 40";
    expect(complaintsOf(`${stray}\n${told(["40"])}`, false)).toEqual([stray, heading("40")]);
    expect(complaintsOf(`${told(["60"], ["40", "-1 is followed by 40"])}`, false)).toEqual([heading("60")]);
  });

  it("is a complaint where it is about anything else", () => {
    const mismatch = "Mismatches in :/data/40-30/00000000000000000040.index";
    const stderr = `${mismatch}\n${told(["40", "-1 is followed by 40"])}${mismatch}\n`;
    expect(complaintsOf(stderr, false)).toEqual([mismatch, mismatch]);
  });
});

it("what the log dumper says of gaps in a compacted log is no complaint, and everything else is", () => {
  const stderr = told(["0", "-1 is followed by 56"], ["59", "-1 is followed by 60", "61 is followed by 90"]);
  expect(complaintsOf(stderr, true)).toEqual([]);
  expect(complaintsOf(`${stderr}Exception\n`, true)).toEqual(["Exception"]);
});
