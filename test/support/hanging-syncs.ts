/** Preloaded into a process: no sync ever ends, and the first one is told of on standard error. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

let isTold = false;

function hang(): void {
  if (!isTold) process.stderr.write("a sync hangs\n");
  isTold = true;
  // Something under way keeps the process alive, as a sync would.
  setInterval(() => {}, 1000);
}

Object.assign(fs, { fsync: hang, fdatasync: hang });
syncBuiltinESMExports();
