// The commands that a driven client takes, for the programs in TypeScript; see ../driver.ts.

import { createInterface } from "node:readline";
import type { ConsumerSettings, Position, ProducerSettings, WireRecord } from "../driver.ts";

export interface ReadWireRecord extends WireRecord {
  offset: number;
}

export interface Commands {
  open(command: {
    bootstrap: string;
    producer: ProducerSettings | null;
    consumer: ConsumerSettings | null;
  }): Promise<void>;
  send(command: { records: readonly WireRecord[] }): Promise<{ offsets: number[] }>;
  begin(): Promise<void>;
  sendOffsets(command: { offsets: readonly Position[] }): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  poll(command: { timeoutMs: number; max: number }): Promise<{ records: ReadWireRecord[]; assigned: Assigned[] }>;
  commitOffsets(command: { offsets: readonly Position[] }): Promise<void>;
  close(): Promise<void>;
}

export type Assigned = Omit<Position, "offset">;

/** Answers commands, one after the other, until there are no more. */
export async function serve(client: string, version: string, commands: Commands): Promise<void> {
  const answer = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
  answer({ client, version });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as { do: keyof Commands };
    try {
      const handle = commands[command.do].bind(commands) as (command: unknown) => Promise<object | undefined>;
      answer((await handle(command)) ?? {});
    } catch (error) {
      answer({ error: words(error) });
    }
  }
  process.exit(0);
}

/** An error and what is behind it, which is where some clients keep the broker's answer; `type` and `apiId` name that. */
function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { type, apiId } = error as { type?: unknown; apiId?: unknown };
  const inner = error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  const said = [error.name, type, apiId, error.message].filter((part) => typeof part === "string").join(" ");
  return [said, ...new Set(inner.map(words))].join("; ");
}

/** What arrived and was not yet polled, of clients that push. */
export class Inbox<T> {
  readonly #waiting: T[] = [];
  #wake: () => void = () => {};

  put(item: T): void {
    this.#waiting.push(item);
    this.#wake();
  }

  /** At most `max`, of what is there or comes within `timeoutMs`. */
  async take(max: number, timeoutMs: number): Promise<T[]> {
    if (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, timeoutMs);
      });
    }
    return this.#waiting.splice(0, max);
  }
}

export const decode = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, "base64"));
export const encode = (bytes: Buffer | null | undefined): string | null => bytes?.toString("base64") ?? null;
