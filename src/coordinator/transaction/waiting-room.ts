import type { ErrorName } from "../../protocol/errors.ts";
import { Deadline, type DeadlineQueue } from "../deadlines.ts";
import type { Decision } from "./decisions.ts";
import type { TransactionMetadata } from "./state.ts";
import type { Turn } from "./turn.ts";

/** A request to one transactional id, which is decided at once, or again after a completion. */
export interface Attempt {
  readonly transactionalId: string;
  readonly decide: (metadata: TransactionMetadata | undefined, now: number) => Decision;
  /** `metadata`: the state that the success rests on; undefined with an error. */
  readonly answer: (error: ErrorName, metadata?: TransactionMetadata) => void;
  /** When it stops waiting, in ms since 1970. */
  readonly waitsUntil: number;
}

interface Guest {
  readonly attempt: Attempt;
  readonly deadline: Deadline<Turn>;
}

/**
 * Requests that wait for a completion, in the order in which they came. Clients back off from CONCURRENT_TRANSACTIONS
 * for much longer than a completion takes. In memory only: their connections do not outlive it.
 */
export class WaitingRoom {
  readonly #guests = new Map<string, Guest[]>();
  readonly #deadlines: DeadlineQueue<Turn>;

  constructor(deadlines: DeadlineQueue<Turn>) {
    this.#deadlines = deadlines;
  }

  enter(attempt: Attempt): void {
    const guests = this.#guests.get(attempt.transactionalId) ?? [];
    this.#guests.set(attempt.transactionalId, guests);
    const guest: Guest = { attempt, deadline: new Deadline((turn) => this.#giveUp(guest, turn)) };
    guests.push(guest);
    this.#deadlines.set(guest.deadline, attempt.waitsUntil);
  }

  /** Everyone who waits for `transactionalId`, first come first. They have left then. */
  leave(transactionalId: string): Attempt[] {
    const guests = this.#guests.get(transactionalId) ?? [];
    this.#guests.delete(transactionalId);
    for (const { deadline } of guests) this.#deadlines.clear(deadline);
    return guests.map(({ attempt }) => attempt);
  }

  #giveUp(guest: Guest, turn: Turn): void {
    const { transactionalId, answer } = guest.attempt;
    const others = (this.#guests.get(transactionalId) ?? []).filter((other) => other !== guest);
    if (others.length > 0) this.#guests.set(transactionalId, others);
    else this.#guests.delete(transactionalId);
    turn.reply(() => answer("CONCURRENT_TRANSACTIONS"));
  }
}
