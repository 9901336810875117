// Peers of `matmul` in processes of their own, oneDNN and PyTorch. Both speak the same lines:
//   case M N K TRANSPOSE_A TRANSPOSE_B PRECISION FILE    operands from FILE: a, then b, f32   -> {}
//   run TIMES                                            -> {"seconds": …}
//   read AT AT …                                         -> {"values": […]} of the result, by flat index

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { writeFully } from "../../src/base/files/files.ts";
import type { ProductRunner } from "../own/own-product.ts";
import type { Operands, Product } from "../products.ts";
import { compilePeer, peerPath } from "./native.ts";
import { Peer, threadEnvironment } from "./peer.ts";

/** Compiles and starts peers/onednn-matmul.c. Throws UserError E_PEER_ABSENT without oneDNN 2 or 3 and a C compiler. */
export async function startOneDnn(folder: string, threads: number): Promise<Peer> {
  const program = await compilePeer("onednn-matmul", folder, ["-ldnnl"]);
  return Peer.start(program, [], threadEnvironment(threads));
}

/** Throws UserError E_PEER_ABSENT where this Python has no torch. */
export function startTorchProducts(python: string, threads: number): Promise<Peer> {
  return Peer.start(python, [peerPath("torch-matmul.py"), String(threads)], threadEnvironment(threads));
}

/** Gives a peer its operands; `bf16` is whether it multiplies in that. */
export async function openPeerProduct(
  peer: Peer,
  { m, n, k, transposeA, transposeB }: Product,
  { a, b }: Operands,
  bf16: boolean,
  folder: string,
): Promise<ProductRunner> {
  const path = join(folder, "operands");
  const file = openSync(path, "w");
  for (const { buffer, byteLength } of [a, b]) writeFully(file, new Uint8Array(buffer, 0, byteLength));
  closeSync(file);
  const flags = [transposeA, transposeB].map(Number).join(" ");
  await peer.ask(`case ${m} ${n} ${k} ${flags} ${bf16 ? "bf16" : "f32"} ${path}`);
  return {
    name: peer.name,
    processIds: peer.processIds,
    run: async times => (await peer.ask<{ seconds: number }>(`run ${times}`)).seconds,
    read: async places => (await peer.ask<{ values: number[] }>(`read ${places.join(" ")}`)).values,
    close: () => {},
  };
}
