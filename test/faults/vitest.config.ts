/** Runs tests on a variant of the code: the one that ONCILLA_VARIANT names, broken in one place as it is loaded. */
import { resolve } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { applied } from "./apply.ts";
import { faults } from "./variants.ts";

const variant = faults.flatMap(({ variants }) => variants).find(({ breaks }) => breaks === process.env.ONCILLA_VARIANT);
if (!variant) throw new Error(`there is no variant "${process.env.ONCILLA_VARIANT}"`);
const { file } = variant;
const path = resolve(import.meta.dirname, "../../src", file);

const config: ViteUserConfig = defineConfig({
  root: resolve(import.meta.dirname, "../.."),
  plugins: [
    {
      name: "variant",
      enforce: "pre",
      transform: (source, id) => (id === path ? applied(variant, source) : undefined),
    },
  ],
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    // Else a variant would be given the code of another one.
    fsModuleCache: false,
    // A broken variant may hang; that is a failure as good as any.
    testTimeout: 15_000,
  },
});

export default config;
