import { afterEach, expect, it, vi } from "vitest";
import { stderrLogger } from "./logger.ts";

afterEach(() => vi.restoreAllMocks());

it.each(["text", "json"] as const)("%s: a field that is undefined is not shown", (format) => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  stderrLogger("info", format).log("warn", "indexes missing", { path: "data/t-0", error: undefined });
  const line = String(write.mock.calls[0]?.[0]);
  expect(line).toContain("data/t-0");
  expect(line).not.toContain("error");
});
