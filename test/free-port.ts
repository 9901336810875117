// A port of this machine that nobody listens at, for what is told where to meet before it listens. It lies below those that the system
// gives to whoever asks for none (from 32768 on, Linux; 49152 elsewhere): of these another test's server or connection may take one meanwhile.

import { createServer } from "node:net";

/** Other processes begin elsewhere. */
let next = 10_000 + (process.pid % 20_000);

const isFree = (port: number) =>
  new Promise<boolean>(resolve => {
    const server = createServer().on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

export async function findFreePort(): Promise<number> {
  while (!(await isFree(next))) next++;
  return next++;
}
