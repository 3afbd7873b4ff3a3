// Installs the pinned tools when they are missing, so that one npm command works on a fresh clone.
// Plain JavaScript without dependencies: it runs under whatever Node the machine has.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pinned = ["node", "vitest", "typescript"].map((name) => `${root}/node_modules/${name}/package.json`);

if (!pinned.every((path) => existsSync(path)) || !existsSync(`${root}/node_modules/.bin/node`)) {
  console.error("Installing the pinned tools (npm ci) …");
  const npm = process.env.npm_execpath;
  const result = npm
    ? spawnSync(process.execPath, [npm, "ci", "--no-audit", "--no-fund"], { cwd: root, stdio: ["ignore", 2, 2] })
    : spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
