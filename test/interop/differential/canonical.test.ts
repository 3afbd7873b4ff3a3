import { expect, it } from "vitest";
import { Canonicalizer } from "./canonical.ts";

it("members that are seen for the first time together have the same names in any order", () => {
  const answer = (...ids: string[]) => ({
    members: ids.map((memberId) => ({ memberId, groupInstanceId: memberId === "s" ? "static" : null })),
  });
  const [one, other] = [
    ["s", "d"],
    ["d", "s"],
  ].map((ids) => {
    const canonicalizer = new Canonicalizer("prefix-", 0);
    return [canonicalizer.canonical(answer(...ids)), canonicalizer.canonical({ memberId: "d" })];
  });
  expect(one).toEqual(other);
});
