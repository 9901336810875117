// A server that listens, at an address that a person named.

import type { Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { UserError } from "../../base/errors.ts";

/** The address of the server once it listens; port 0 takes a free one. UserError E_ADDRESS where it cannot. */
export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const seen =
        cause.code === "EADDRINUSE" ? `port ${port} is in use` : `${host}:${port}: cannot listen (${cause.code})`;
      const advice = "Choose another --port, 0 for any free one, or a --host that is an address of this machine.";
      reject(new UserError("E_ADDRESS", seen, advice, { cause }));
    });
    server.listen(port, host, () => {
      const { port: taken } = server.address() as AddressInfo;
      resolve(`http://${isIPv6(host) ? `[${host}]` : host}:${taken}/`);
    });
  });
}
