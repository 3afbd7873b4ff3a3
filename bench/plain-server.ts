/** The same as native/plain-server.c, for machines without a C compiler. */
import { openSync, readSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";

const [mode, path = ""] = process.argv.slice(2);
const file = openSync(path, "a+");
const answer = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0]);

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  if (mode === "receive") receive(socket);
  else send(socket);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : address);
});
process.stdin.on("end", () => process.exit(0)).resume();

/** Writes what arrives as it arrives, answering the frames that end in it. */
function receive(socket: Socket): void {
  const length = Buffer.alloc(4);
  let lengthBytes = 0;
  let left = 0;
  socket.on("data", (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (lengthBytes < 4) {
        const copied = chunk.copy(length, lengthBytes, at, at + 4 - lengthBytes);
        lengthBytes += copied;
        at += copied;
        if (lengthBytes === 4) left = length.readInt32BE(0);
        continue;
      }
      const size = Math.min(left, chunk.length - at);
      writeSync(file, chunk, at, size);
      at += size;
      left -= size;
      if (left > 0) continue;
      socket.write(answer);
      lengthBytes = 0;
    }
  });
}

function send(socket: Socket): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (; received.length >= 16; received = received.subarray(16)) {
      const size = received.readUInt32BE(4);
      const frame = Buffer.allocUnsafe(size + 4);
      frame.writeUInt32BE(size, 0);
      readSync(file, frame, 4, size, Number(received.readBigUInt64BE(8)));
      socket.write(frame);
    }
  });
}
