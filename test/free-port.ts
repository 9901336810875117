// A port of this machine that nobody listens at, for what is told where to meet before it listens.

import { createServer } from "node:net";

export const findFreePort = () =>
  new Promise<number>(resolve => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
