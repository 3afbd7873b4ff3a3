/** Why a change is not made. */
import type { ErrorName } from "../../protocol/errors.ts";

export interface Refusal {
  readonly ok: false;
  readonly error: ErrorName;
  readonly message: string;
}

export function refuse(error: ErrorName, message: string): Refusal {
  return { ok: false, error, message };
}
