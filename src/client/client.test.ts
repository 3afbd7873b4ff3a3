import { describe, expect, it } from "vitest";
import { Client } from "./client.ts";

const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

describe("brokers", () => {
  it.each(["localhost:9092", "a:1,b:2", "a:1, b:2 ,", "[::1]:9092", ["a:1", "b:2"]])("may be %j", async (brokers) => {
    await new Client({ brokers }).close();
  });

  it.each(["", "localhost", "localhost:", ":9092", "a:70000", "a:1 b:2", "::1:9092", "a:-1", []])(
    "may not be %j",
    (brokers) => {
      expect(() => new Client({ brokers })).toThrow(invalid);
    },
  );

  it("that make no sense are named", () => {
    expect(() => new Client({ brokers: "good:1,bad" })).toThrow('"bad" is not host:port');
  });
});

it("a closed client makes nothing more", async () => {
  const client = new Client({ brokers: "localhost:1" });
  await Promise.all([client.close(), client.close()]);
  for (const make of [() => client.producer(), () => client.consumer(), () => client.admin()]) {
    expect(make).toThrow(expect.objectContaining({ code: "CLOSED" }));
  }
});
