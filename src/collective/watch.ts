// Watches whether the other ranks live. MPI waits for ever for a rank that is stopped or cut off, so ranks say twice a second that they
// are there; who is silent ends the training of all.

import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import { Worker } from "node:worker_threads";
import { siblingModule } from "../base/threads/bounded-worker.ts";
import { broadcastJson, type Collective } from "./collective.ts";

/** Silence after which a rank is lost: with what an engine needs to end the others, all have ended within ten seconds. */
export const silenceSeconds = 6;

/** What the thread of a rank is to do. */
export interface WatchOrder {
  readonly rank: number;
  /** Where rank 0 listens. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** What tells ranks from strangers. */
  readonly token: string;
}

/**
 * The same collective, watched until it is closed. `onLost` hears once what was seen of a rank that is lost; it is to end the process by
 * `abort` within two seconds.
 */
export async function watchRanks(collective: Collective, onLost: (seen: string) => void): Promise<Collective> {
  const { rank } = collective;
  const order = { rank, hosts: [] as string[], port: 0, token: "" };
  const start = (data: WatchOrder) => {
    const worker = new Worker(new URL(siblingModule(import.meta.url, "watch-thread")), { workerData: data });
    worker.on("message", ({ lost }: { lost?: string }) => lost !== undefined && onLost(lost));
    return worker;
  };
  const token: string = randomUUID();
  const first = rank === 0 ? start({ ...order, token }) : undefined;
  const port =
    first &&
    (await new Promise<number>(resolve => first.once("message", (told: { port: number }) => resolve(told.port))));
  const told = await broadcastJson(collective, { token, port: port ?? 0, hosts: listAddresses() });
  const worker = first ?? start({ ...order, ...told });
  // Nobody waits for it.
  worker.unref();
  return {
    ...collective,
    close: async () => {
      await collective.barrier();
      worker.postMessage("close");
      await collective.close();
    },
  };
}

/** Of this machine, its own first; those of a link alone need a name that other machines do not have. */
function listAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  const others = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80"));
  return ["127.0.0.1", ...others.map(({ address }) => address)];
}
