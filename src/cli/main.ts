#!/usr/bin/env node
/** The command line: `oncilla COMMAND`. */
import { isBuiltin } from "node:module";

// Older Nodes fail while they link what the commands import, with a stack that says nothing to the user.
if (isBuiltin("node:sqlite")) await import("./program.ts");
else {
  console.error(`oncilla: Node ${process.versions.node} has no node:sqlite: Node 22.19 or later is needed`);
  process.exitCode = 1;
}
