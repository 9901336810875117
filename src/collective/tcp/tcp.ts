// A collective of ranks that torchrun started: they meet where its variables say, and rank 0 passes on what hosts hold, orders, measurements
// and states at the start. Gradients do not go this way: NCCL sums them between GPUs, and without GPUs MPI is the engine.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import type { Collective, NamedArray, PlacedValues } from "../collective.ts";
import type { RankPlace } from "../rank-place.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type HostValues = Float32Array | Float64Array | Uint8Array;

/** How long ranks wait for one another to begin: torchrun starts machines minutes apart. */
const patienceSeconds = 300;
const secondsBetweenTries = 0.2;
/** What a rank says first, before its number: a port that is open hears strangers, too. */
const greeting = 0x6372616d;

/** UserError E_RANKS where nobody says where ranks meet, and where they do not come. */
export async function openTcp(
  { rank, size }: Pick<RankPlace, "rank" | "size">,
  environment: Environment = process.env,
): Promise<Collective> {
  const { host, port } = readMeeting(environment);
  /** Rank 0's lines to the others, by rank; the others' line to it. */
  const lines = rank === 0 ? await acceptRanks(port, size) : [await reachFirst(host, port, rank)];
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
    sum: arrays =>
      inTurn(async () => {
        for (const { name, values } of arrays) await sumOne(takeHosts(values, name) as Float32Array | Float64Array);
      }),
    broadcast: async (values, root) => {
      const own = takeHosts(values, "values");
      await inTurn(() => broadcast(own, root));
    },
    gather: async ({ name, values }, root) => {
      const own = Float32Array.from(takeHosts(values, name));
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

/** torchrun itself may listen at its port for its own workers, and says so: the next one is then taken. */
function readMeeting({ MASTER_ADDR: host, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE: isTaken }: Environment) {
  const port = Number(MASTER_PORT);
  if (host !== undefined && Number.isInteger(port) && port > 0 && port < 65_535) {
    return { host, port: port + (isTaken === "True" ? 1 : 0) };
  }
  throw new UserError(
    "E_RANKS",
    `RANK and WORLD_SIZE are set, as torchrun sets them, and MASTER_ADDR=${host ?? ""} and MASTER_PORT=${MASTER_PORT ?? ""} do not say where ranks meet`,
    "Start them by torchrun, cram pretrain --devices, mpirun or srun, or unset RANK and WORLD_SIZE to train in one process.",
  );
}

async function acceptRanks(port: number, size: number): Promise<Socket[]> {
  const lines: Socket[] = [];
  const server = createServer(socket => void greet(socket).catch(() => socket.destroy()));
  const greet = async (socket: Socket) => {
    prepare(socket);
    const words = new Uint8Array(8);
    await fill(socket, words);
    const view = new DataView(words.buffer);
    const other = view.getUint32(4);
    const isOne = view.getUint32(0) === greeting && other >= 1 && other < size && lines[other - 1] === undefined;
    if (!isOne) throw new Error("a stranger");
    await send(socket, words);
    lines[other - 1] = socket;
    server.emit("rank");
  };
  server.listen(port);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 1000 * patienceSeconds);
  try {
    await once(server, "listening");
    while (lines.filter(line => line !== undefined).length < size - 1) await once(server, "rank", patience);
  } catch (cause) {
    for (const line of lines) line?.destroy();
    const why = patience.signal.aborted ? `not all came within ${patienceSeconds} s` : (cause as Error).message;
    throw new UserError(
      "E_RANKS",
      `rank 0 met no ${size - 1} other ranks at port ${port}: ${why}`,
      "Look at the others' errors, and at MASTER_PORT.",
      { cause },
    );
  } finally {
    clearTimeout(timer);
    server.close();
  }
  return lines;
}

async function reachFirst(host: string, port: number, rank: number): Promise<Socket> {
  const end = systemClock.seconds() + patienceSeconds;
  for (;;) {
    const socket = connect({ host, port });
    try {
      await once(socket, "connect");
      prepare(socket);
      const words = new DataView(new ArrayBuffer(8));
      words.setUint32(0, greeting);
      words.setUint32(4, rank);
      await send(socket, new Uint8Array(words.buffer));
      // Whoever else listens there does not say the same.
      const answer = new Uint8Array(8);
      socket.ref();
      socket.setTimeout(1000 * (end - systemClock.seconds()), () => socket.destroy());
      await fill(socket, answer);
      socket.setTimeout(0);
      socket.unref();
      if (Buffer.compare(answer, new Uint8Array(words.buffer)) !== 0) throw new Error("something else answers there");
      return socket;
    } catch (cause) {
      socket.destroy();
      if (systemClock.seconds() >= end) {
        throw new UserError(
          "E_RANKS",
          `rank 0 does not answer at ${host}:${port}: ${(cause as Error).message}`,
          "Look at rank 0's errors, and at MASTER_ADDR and MASTER_PORT.",
          { cause },
        );
      }
      await sleep(1000 * secondsBetweenTries);
    }
  }
}

function prepare(socket: Socket): void {
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
const send = (socket: Socket, values: HostValues) =>
  new Promise<void>((resolve, reject) => {
    socket.write(viewBytes(values), error => (error ? reject(gone()) : resolve()));
  });

/** Reads as many bytes as the values have, which both sides know. */
async function fill(socket: Socket, values: HostValues): Promise<void> {
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

/** UserError E_RANKS for values of a processor's memory that an engine is to move. */
function takeHosts<T extends HostValues>(values: T | PlacedValues, name: NamedArray["name"]): T {
  if (!("address" in values)) return values;
  throw new UserError(
    "E_RANKS",
    `torchrun started ranks that train without GPUs (${name}): MPI sums between processors, and connects only ranks that mpirun or srun started`,
    "Start them by cram pretrain --devices, mpirun or srun, or train with --backend cuda.",
  );
}
