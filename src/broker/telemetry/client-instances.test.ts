import { expect, it } from "vitest";
import { seededRandom } from "../../platform/seeded-random.ts";
import type { Peer } from "../connection.ts";
import { MetadataImage } from "../metadata/image.ts";
import type { ClientInstance } from "./client-instance.ts";
import { ClientInstances } from "./client-instances.ts";

const MAX_INSTANCES = 16_384;
const ID = Buffer.from("an id of its own").toString("base64url");

function open(configs: Readonly<Record<string, string>> = {}) {
  const image = new MetadataImage();
  const resource = { kind: "client-metrics", name: "one" } as const;
  image.apply({ kind: "configs", resource, configs: new Map(Object.entries(configs)) });
  const instances = new ClientInstances({ image, random: seededRandom(1) });
  const onClosed = new Set<() => void>();
  const peer = { address: "127.0.0.1:1", software: { name: "a", version: "1" }, onClosed } as unknown as Peer;
  return {
    instances,
    of: (id: string, nowMs = 0): ClientInstance => instances.of(id, { clientId: "aa", peer }, nowMs),
    onClosed,
  };
}

it.each([
  ["100", 60_000],
  ["20000", 60_000],
  ["20001", 60_003],
  ["300000", 900_000],
])("forgets a client with the interval %s ms that was not heard of for %s ms", (interval, keptMs) => {
  const { of } = open({ "interval.ms": interval });
  const begun = of(ID, 0);
  expect(of(ID, keptMs - 1)).toBe(begun);
  expect(of(ID, 2 * keptMs - 2)).toBe(begun);
  expect(of(ID, 3 * keptMs - 2)).not.toBe(begun);
});

it("forgets whom it has not heard of for the longest time when there are too many", () => {
  const { instances, of } = open();
  const [first = "", second = "", ...others] = Array.from({ length: MAX_INSTANCES }, () => instances.newId());
  const [one, two] = [of(first), of(second)];
  for (const id of others) of(id);
  expect(of(first)).toBe(one);
  of(instances.newId());
  expect(of(first)).toBe(one);
  expect(of(second)).not.toBe(two);
});

it("forgets the last client that came up on a connection with it", () => {
  const { instances, of, onClosed } = open();
  const ids = [instances.newId(), instances.newId()] as const;
  const [first, last] = [of(ids[0]), of(ids[1])];
  expect(onClosed.size).toBe(1);
  for (const close of onClosed) close();
  expect(of(ids[0])).toBe(first);
  expect(of(ids[1])).not.toBe(last);
});

it("has the clients of all patterns that RE2 takes, and none of those that an earlier release took", () => {
  const wantedBy = (match: string): readonly string[] => open({ match, metrics: "a" }).of(ID).subscription.metrics;
  expect(wantedBy("client_id=a{2}")).toEqual(["a"]);
  expect(wantedBy("client_id=(.)\\1")).toEqual([]);
});
