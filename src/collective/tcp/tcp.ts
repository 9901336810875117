// A collective of ranks that torchrun started: they meet where its variables say, and rank 0 passes on what hosts hold, orders, measurements
// and states at the start. Gradients do not go this way: NCCL sums them between GPUs, and without GPUs MPI is the engine.

import { UserError } from "../../base/errors.ts";
import type { Collective, PlacedValues } from "../collective.ts";
import type { RankPlace } from "../rank-place.ts";
import { fill, type HostValues, send } from "./line.ts";
import { acceptRanks, type Environment, reachFirst, readMeeting } from "./meeting.ts";

/** `run`: the run's folder as a person gave it. UserError E_RANKS where nobody says where ranks meet, and where others or none come. */
export async function openTcp(
  { rank, size }: Pick<RankPlace, "rank" | "size">,
  run: string,
  environment: Environment = process.env,
): Promise<Collective> {
  const { host, port } = readMeeting(environment);
  const training = { ranks: size, run, start: environment.TORCHELASTIC_RUN_ID ?? "" };
  /** Rank 0's lines to the others, by rank; the others' line to it. */
  const lines = rank === 0 ? await acceptRanks(port, training) : [await reachFirst(host, port, rank, training)];
  let last: Promise<unknown> = Promise.resolve();
  /** One exchange after another, as they were asked for. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(async () => {
      for (const line of lines) line.ref();
      try {
        return await work();
      } finally {
        for (const line of lines) line.unref();
      }
    });
    last = result.catch(() => {});
    return result;
  };
  const sendAll = (values: HostValues) => Promise.all(lines.map(line => send(line, values)));
  const sumOne = async (values: Float32Array | Float64Array) => {
    if (rank > 0) {
      await send(lines[0]!, values);
      return fill(lines[0]!, values);
    }
    for (const line of lines) {
      const other = values.slice();
      await fill(line, other);
      for (let i = 0; i < values.length; i++) values[i]! += other[i]!;
    }
    await sendAll(values);
  };
  const broadcast = async (values: HostValues, root: number) => {
    if (rank > 0) return rank === root ? send(lines[0]!, values) : fill(lines[0]!, values);
    if (root > 0) await fill(lines[root - 1]!, values);
    await Promise.all(lines.filter((_, i) => i + 1 !== root).map(line => send(line, values)));
  };
  const gather = async (own: Float32Array, root: number) => {
    const all = new Float32Array(rank === 0 || rank === root ? size * own.length : 0);
    if (rank > 0) {
      await send(lines[0]!, own);
      if (rank === root) await fill(lines[0]!, all);
    } else {
      all.set(own);
      for (const [i, line] of lines.entries()) {
        await fill(line, all.subarray((i + 1) * own.length, (i + 2) * own.length));
      }
      if (root > 0) await send(lines[root - 1]!, all);
    }
    return rank === root ? all : undefined;
  };
  const barrier = () => inTurn(() => sumOne(new Float64Array(1)));
  return {
    engine: "torchrun",
    ...{ rank, size, barrier },
    refusePlaced: () => {
      throw explainPlaced();
    },
    sum: arrays =>
      inTurn(async () => {
        for (const { values } of arrays) await sumOne(takeHosts(values) as Float32Array | Float64Array);
      }),
    broadcast: async (values, root) => {
      const own = takeHosts(values);
      await inTurn(() => broadcast(own, root));
    },
    gather: async ({ values }, root) => {
      const own = Float32Array.from(takeHosts(values));
      return inTurn(() => gather(own, root));
    },
    // At once, as MPI's: the others see it by their watch, and torchrun ends them.
    abort: () => void process.kill(process.pid, "SIGKILL"),
    close: async () => {
      await barrier();
      for (const line of lines) line.end();
    },
  };
}

/** UserError E_RANKS for values of a processor's memory that an engine is to move. */
function takeHosts<T extends HostValues>(values: T | PlacedValues): T {
  if (!("address" in values)) return values;
  throw explainPlaced();
}

const explainPlaced = () =>
  new UserError(
    "E_RANKS",
    "torchrun started ranks that train without GPUs: MPI sums between processors, and connects only ranks that mpirun or srun started",
    "Start them by cram pretrain --devices, mpirun or srun, or train with --backend cuda.",
  );
