import type { ErrorName } from "../protocol/errors.ts";
import type { LogRefusal } from "./types.ts";

export function refuse(error: ErrorName, message: string): LogRefusal {
  return { ok: false, error, message };
}
