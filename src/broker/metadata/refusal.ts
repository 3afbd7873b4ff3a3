/** Why a change is not made. */
import type { ErrorName } from "../../protocol/errors.ts";
import { clipped } from "../../protocol/strings.ts";

export interface Refusal {
  readonly ok: false;
  readonly error: ErrorName;
  readonly message: string;
}

/** `message` may repeat names of the request, which leave it no room when they are as long as can be. */
export function refuse(error: ErrorName, message: string): Refusal {
  return { ok: false, error, message: clipped(message) };
}
