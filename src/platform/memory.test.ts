import { expect, it } from "vitest";
import { allocate, discard, free } from "./memory.ts";

const sizes = [0, 1, 5000, 8 * 1024, 20_480, 20_481, 65_536, 1024 * 1024 + 8, 8 * 1024 * 1024 + 4096, 9_000_000];

it.each(sizes)("gives %i bytes that nobody else has", (size) => {
  const first = allocate(size).fill(1);
  const second = allocate(size).fill(2);
  expect([first.length, second.length]).toEqual([size, size]);
  expect(first.every((byte) => byte === 1)).toBe(true);
  free(first);
  free(second);
  const third = allocate(size).fill(3);
  expect(allocate(size).fill(4).length).toBe(size);
  expect(third.every((byte) => byte === 3)).toBe(true);
});

it("uses again what was given back", () => {
  const bytes = allocate(100_000);
  bytes[99_999] = 77;
  free(bytes);
  const again = allocate(100_000);
  expect(again[99_999]).toBe(77);
});

it("leaves nothing to who comes too late", () => {
  const bytes = allocate(100_000);
  const view = bytes.subarray(10, 20);
  free(view);
  expect([bytes.length, view.length, bytes[0]]).toEqual([0, 0, undefined]);
  // A second time does nothing: the memory may be somebody else's by now.
  const other = allocate(100_000).fill(5);
  free(bytes);
  free(view);
  expect(allocate(100_000).buffer).not.toBe(other.buffer);
  expect(other.every((byte) => byte === 5)).toBe(true);
});

it("keeps no more than 32 MiB", () => {
  const held = Array.from({ length: 80 }, () => allocate(1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  for (const bytes of held) free(bytes);
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(before - 40 * 1024 * 1024);
});

it("discards a buffer of any origin", () => {
  const bytes = Buffer.alloc(50_000);
  discard(bytes);
  expect(bytes.length).toBe(0);
});

it("loses no room to a size that it does not keep", () => {
  for (let i = 0; i < 3; i++) free(Buffer.alloc(2 ** 24 + 4096));
  const bytes = allocate(100_000).fill(9);
  free(bytes);
  expect(allocate(100_000)[0]).toBe(9);
});
