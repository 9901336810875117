// The thread of a rank that watches the others: rank 0 hears every rank, and every rank hears rank 0. A thread of its own, so that who
// computes or writes a large file is heard; who is stopped, or behind a cut network, is not.

import { connect, createServer, type Server, type Socket } from "node:net";
import { clearInterval, setInterval, setTimeout } from "node:timers";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { silenceSeconds, type WatchOrder } from "./watch.ts";

const beatSeconds = 0.5;
const { rank, hosts, port, token } = workerData as WatchOrder;
const heard = new Map<Socket, { name: string; seconds: number }>();
let last = systemClock.seconds();
let isClosing = false;

function lose(seen: string): void {
  if (isClosing) return;
  isClosing = true;
  parentPort!.postMessage({ lost: seen });
  // Where the rest of the process no longer answers.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 2000);
}

function watch(socket: Socket, name: string): void {
  const own = { name, seconds: systemClock.seconds() };
  heard.set(socket, own);
  let said = "";
  socket.on("data", data => {
    own.seconds = systemClock.seconds();
    said = `${said}${data}`.slice(-200);
    if (said.includes("bye\n")) heard.delete(socket);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    if (heard.delete(socket)) lose(`${own.name} is gone`);
  });
}

const beat = setInterval(() => {
  const now = systemClock.seconds();
  // Who was stopped itself heard nobody meanwhile.
  if (now - last > 4 * beatSeconds) for (const own of heard.values()) own.seconds = now;
  last = now;
  for (const [socket, { name, seconds }] of heard) {
    socket.write("here\n");
    if (now - seconds > silenceSeconds) lose(`${name} was not heard of for ${silenceSeconds} s`);
  }
}, 1000 * beatSeconds);

let server: Server | undefined;
// Nothing is left then that keeps the thread.
parentPort!.once("message", () => {
  isClosing = true;
  clearInterval(beat);
  for (const socket of heard.keys()) socket.end("bye\n");
  server?.close();
  parentPort!.close();
});

if (rank === 0) {
  server = createServer(socket => {
    socket.on("error", () => {});
    // The first line says who it is: a port that is open hears strangers, too.
    socket.once("data", data => {
      const [, other] = new RegExp(`^${token} (\\d+)\n`).exec(String(data)) ?? [];
      if (other === undefined) socket.destroy();
      else watch(socket, `rank ${other}`);
    });
  });
  server.listen(0, () => parentPort!.postMessage({ port: (server!.address() as { port: number }).port }));
} else {
  let isFound = false;
  for (const host of hosts) {
    const socket = connect({ host, port });
    socket.on("error", () => {});
    socket.once("connect", () => {
      if (isFound) return socket.destroy();
      isFound = true;
      socket.write(`${token} ${rank}\n`);
      watch(socket, "rank 0");
    });
  }
  setTimeout(() => {
    if (!isFound) lose(`rank 0 answers at none of ${hosts.join(", ")}`);
  }, 1000 * silenceSeconds);
}
