import { describe, expect, it } from "vitest";
import { compileRegex } from "./regex.ts";

const many = "x".repeat(900);

describe("a regular expression", () => {
  it.each([
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "(eu|us)-(orders|invoices){1,2}-\\d{4}-[^]]+[[:alpha:]]*\\Q(1){2}\\E",
    Array.from({ length: 1000 }, (_, i) => `some-topic-of-mine-${i}`).join("|"),
  ])("that people write: %s", (expression) => {
    expect(compileRegex(expression)).not.toHaveProperty("problem");
  });

  it("matches the whole text", () => {
    const regex = compileRegex("a{2}(b|c)");
    expect("problem" in regex || ["aab", "aac", "ab", "aabx"].map((text) => regex.matches(text))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  // RE2 takes each of them, as a program of about a million instructions, which is seconds of work.
  it.each([
    ["repeated one after the other", "x{1000}".repeat(1000)],
    ["within each other", `((${many}){10}){100}`],
    ["with a parenthesis in a class", `(${many}[)]){1000}`],
    ["with one in a class that begins with a bracket", `(${many}[])]){1000}`],
    ["with one behind a class within", `(${many}[[:alpha:])]){1000}`],
    ["with one that is quoted", `(${many}\\Q(\\E){1000}`],
    ["with one that is escaped", `(${many}\\(){1000}`],
    ["without a highest number", `(${many}){1000,}`],
    ["from nothing on", `(${many}){0,1000}`],
  ])("is refused that stands for very much: %s", (_what, expression) => {
    expect(compileRegex(expression)).toEqual({ problem: "expression too large" });
  });

  it("is refused that cannot be read", () => {
    expect(compileRegex("(")).toEqual({ problem: "missing closing )" });
  });
});
