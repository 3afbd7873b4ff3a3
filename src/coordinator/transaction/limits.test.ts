import { expect, it } from "vitest";
import { defaultTransactionCoordinatorConfig } from "./config.ts";
import { World } from "./story.testing.ts";

it("ids that expire at one time are forgotten step by step: others get their turn", () => {
  const world = new World();
  for (let i = 0; i < 2_500; i++) world.init(`id-${i}`, undefined, 5, () => {});
  world.now += defaultTransactionCoordinatorConfig.transactionalIdExpirationMs;
  const sizes: number[] = [];
  while (world.coordinator.nextDeadline() !== undefined) {
    const step = world.coordinator.tick(world.now);
    sizes.push(step.records.length);
    world.take(step);
  }
  expect(sizes).toEqual([1000, 1000, 500]);
});
