// A line between two ranks: values of known length, each way, whole or an error.

import type { Socket } from "node:net";
import { UserError } from "../../base/errors.ts";

export type HostValues = Float32Array | Float64Array | Uint8Array;

export function prepare(socket: Socket): void {
  socket.setNoDelay(true);
  // A rank that has failed ends, which tells the others; only an exchange under way keeps its process.
  socket.unref();
  // Whoever reads or writes is told.
  socket.on("error", () => {});
}

const gone = () =>
  new UserError("E_RANKS", "a rank that this one exchanges with is gone", "Look at its error, and resume the run.");

const viewBytes = ({ buffer, byteOffset, byteLength }: HostValues) => new Uint8Array(buffer, byteOffset, byteLength);

/** Keeps its promise when the system has taken all: then values may change. */
export const send = (socket: Socket, values: HostValues) =>
  new Promise<void>((resolve, reject) => {
    socket.write(viewBytes(values), error => (error ? reject(gone()) : resolve()));
  });

/** Reads as many bytes as the values have, which both sides know. */
export async function fill(socket: Socket, values: HostValues): Promise<void> {
  const target = viewBytes(values);
  for (let at = 0; at < target.length; ) {
    // More than is there is not asked for: the stream would tell again and again of what does not suffice, and never read on.
    const piece = socket.read(Math.min(target.length - at, Math.max(socket.readableLength, 1))) as Buffer | null;
    if (piece !== null) {
      target.set(piece, at);
      at += piece.length;
      continue;
    }
    if (socket.destroyed) throw gone();
    await new Promise<void>(resolve => {
      const done = () => {
        socket.off("readable", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("readable", done);
      socket.on("close", done);
    });
  }
}
