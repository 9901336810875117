// How ranks that torchrun started meet: rank 0 listens where its variables say, the others look for it there, and each says which training
// it is of, for two may have been given one port.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { fill, prepare, send } from "./line.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** How long ranks wait for one another to begin: torchrun starts machines minutes apart. */
const patienceSeconds = 300;
const secondsBetweenTries = 0.2;
/** What a rank says first, before its number and what it trains: a port that is open hears strangers, too. */
const greeting = 0x6372616d;
const mostGreetingBytes = 65_536;

/** What tells one training from another at the same port. */
export interface Training {
  readonly ranks: number;
  /** The run's folder as a person gave it, to every rank alike. */
  readonly run: string;
  /** Of torchrun's start. */
  readonly start: string;
}

/** torchrun itself may listen at its port for its own workers, and says so: the next one is then taken. */
export function readMeeting({ MASTER_ADDR: host, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE: isTaken }: Environment) {
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

export async function acceptRanks(port: number, training: Training): Promise<Socket[]> {
  const { ranks: size } = training;
  const lines: Socket[] = [];
  const refused = new Set<string>();
  const server = createServer(socket => void greet(socket).catch(() => socket.destroy()));
  const greet = async (socket: Socket) => {
    prepare(socket);
    const { rank: other, told } = await hearGreeting(socket);
    const isOurs = isSame(told, training);
    const isMissing = other >= 1 && other < size && lines[other - 1] === undefined;
    if (isOurs && !isMissing) throw new Error("a rank that is here already");
    await sendGreeting(socket, other, training);
    if (!isOurs) {
      refused.add(describe(told));
      socket.end();
      return;
    }
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
    const others = refused.size === 0 ? "" : `; what came is of another training (${[...refused].join("; ")})`;
    throw new UserError(
      "E_RANKS",
      `rank 0 met no ${size - 1} other ranks at port ${port}: ${why}${others}`,
      "Look at the others' errors, and at MASTER_PORT, which each training has for itself.",
      { cause },
    );
  } finally {
    clearTimeout(timer);
    server.close();
  }
  return lines;
}

export async function reachFirst(host: string, port: number, rank: number, training: Training): Promise<Socket> {
  const end = systemClock.seconds() + patienceSeconds;
  for (;;) {
    const socket = connect({ host, port });
    let told: Training;
    try {
      await once(socket, "connect");
      prepare(socket);
      await sendGreeting(socket, rank, training);
      // Whoever else listens there does not say the same.
      socket.ref();
      socket.setTimeout(1000 * (end - systemClock.seconds()), () => socket.destroy());
      told = (await hearGreeting(socket)).told;
      socket.setTimeout(0);
      socket.unref();
      if (isSame(told, training)) return socket;
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
      continue;
    }
    socket.destroy();
    throw new UserError(
      "E_RANKS",
      `at ${host}:${port} another training waits for its ranks: ${describe(told)}; rank ${rank} is of ${describe(training)}`,
      "Give each training a MASTER_PORT of its own, and every rank of one the same words.",
    );
  }
}

const isSame = (a: Training, b: Training) => a.ranks === b.ranks && a.run === b.run && a.start === b.start;

const describe = ({ ranks, run, start }: Training) =>
  `${ranks} ranks${run === "" ? "" : ` of ${run}`}${start === "" ? "" : `, TORCHELASTIC_RUN_ID=${start}`}`;

async function sendGreeting(socket: Socket, rank: number, training: Training): Promise<void> {
  const text = new TextEncoder().encode(JSON.stringify(training));
  const words = new DataView(new ArrayBuffer(12));
  for (const [i, word] of [greeting, rank, text.length].entries()) words.setUint32(4 * i, word);
  await send(socket, new Uint8Array(words.buffer));
  await send(socket, text);
}

/** Errors for what is none. */
async function hearGreeting(socket: Socket): Promise<{ readonly rank: number; readonly told: Training }> {
  const words = new Uint8Array(12);
  await fill(socket, words);
  const [first, rank, length] = [0, 4, 8].map(at => new DataView(words.buffer).getUint32(at)) as [
    number,
    number,
    number,
  ];
  if (first !== greeting || length > mostGreetingBytes) throw new Error("something else answers there");
  const text = new Uint8Array(length);
  await fill(socket, text);
  return { rank, told: JSON.parse(new TextDecoder().decode(text)) as Training };
}
