/** A broker whose log nobody takes: the disk that holds it is full, or its reader has ended. */
import { connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import { oncilla, oncillaLoggingTo, type RunningCommand } from "./support/command.ts";
import { RawSession } from "./support/raw-session.ts";

let broker: RunningCommand;

afterEach(async () => {
  broker.kill("SIGKILL");
  await broker.outcome;
});

async function servesAndStops(): Promise<void> {
  const address = (await broker.firstLine()).split(" ").at(-1) ?? "";
  broker.closeStderr();
  // Foreign bytes are worth a line each time.
  for (let i = 0; i < 3; i++) await sendForeignBytes(address);
  const session = await RawSession.open(address);
  expect((await session.initProducer(null)).error).toBe("NONE");
  session.close();
  broker.kill("SIGTERM");
  expect((await broker.outcome).code).toBe(0);
}

function sendForeignBytes(address: string): Promise<void> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port) }, () => socket.write("GET / HTTP/1.1\r\n\r\n"));
  socket.on("error", () => {});
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

it("goes on when the reader of its standard error ends", async () => {
  broker = oncilla("broker", "--port", "0");
  await servesAndStops();
});

// A file that is always full, which only Linux has.
it.skipIf(process.platform !== "linux")("goes on when its standard error is a file on a full disk", async () => {
  broker = oncillaLoggingTo("/dev/full", "broker", "--port", "0");
  await servesAndStops();
});
