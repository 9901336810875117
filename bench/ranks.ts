// `ranks`: the steps of one process with all threads beside those of as many ranks with a thread each, of the same global batch, and of
// ranks that share out the update. Before anything is timed, two steps of each must have the same losses and gradient norm.

import { on, once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../src/base/errors.ts";
import { findMpirun, runRanks } from "../src/collective/mpi/mpirun.ts";
import type { Recipe } from "../src/train/recipe.ts";
import { makeTemporaryFolder } from "./folder.ts";
import type { RankGreeting, RankSetting, RankStep } from "./own/rank-process.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { type Contestant, medianOf, takeTurn } from "./rounds.ts";
import { checkAgreement, tolerance } from "./step.ts";

export interface RanksOptions {
  readonly recipe: Recipe;
  /** Of all ranks of a contestant together. */
  readonly threads: number;
  readonly ranks: number;
  /** Of a step, on all ranks together. */
  readonly microBatches: number;
  readonly rounds: number;
  readonly quietSeconds: number;
}

/** Ranks that train together, each behind a socket. */
interface StartedRanks {
  readonly name: string;
  readonly greetings: readonly RankGreeting[];
  /** One step, by what each rank says of it. */
  step(): Promise<RankStep[]>;
  /** When all have left. */
  close(): Promise<void>;
}

export async function benchRanks(options: RanksOptions, reporter: Reporter): Promise<void> {
  const { ranks, threads } = options;
  if (ranks < 2 || ranks > threads || options.microBatches % ranks !== 0) {
    throw new UserError(
      "E_OPTION",
      `${ranks} ranks share ${threads} threads and ${options.microBatches} micro-batches of a step`,
      "Give each rank of two or more a thread at least, and a batch that they divide.",
    );
  }
  const folder = makeTemporaryFolder();
  const own = Math.floor(threads / ranks);
  const several = `${ranks} ranks × ${own}`;
  const started: StartedRanks[] = [];
  try {
    for (const [name, count, isShared] of [
      [`1 rank × ${threads}`, 1, false],
      [several, ranks, false],
      [`${several}, update shared`, ranks, true],
    ] as const) {
      const setting = { ...options, threads: count === 1 ? threads : own, isShared };
      started.push(await startRanks(name, count, { ...setting, socket: join(folder, String(started.length)) }));
    }
    await checkSteps(started);
    const seen = started.map((): RankStep[][] => []);
    const contestants = started.map(({ name, greetings, step }, i): Contestant => {
      const processIds = greetings.map(({ processId }) => processId);
      const run = async () => {
        const steps = await step();
        seen[i]!.push(steps);
        return Math.max(...steps.map(({ seconds }) => seconds));
      };
      return { name, processIds, run };
    });
    const seconds = started.map((): number[] => []);
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, contestant] of contestants.entries()) {
        seconds[i]!.push(await takeTurn(contestant, 1, options.quietSeconds));
      }
    }
    report(options, started, seconds, seen, reporter);
  } finally {
    await Promise.all(started.map(each => each.close()));
  }
}

async function startRanks(name: string, count: number, setting: RankSetting): Promise<StartedRanks> {
  const server = createServer().listen(setting.socket);
  await once(server, "listening");
  const command = [process.execPath, join(import.meta.dirname, "own/rank-process.js"), JSON.stringify(setting)];
  const ended = runRanks(findMpirun(), count, command, process.env, new AbortController().signal);
  const gone = ended.then(code => {
    throw new Error(`${name} ended with ${code}`);
  });
  // Of the ends that are meant nobody hears.
  gone.catch(() => {});
  const accepted: Line[] = [];
  const lines = await Promise.race([acceptRanks(server, count, accepted), gone]).catch(error => {
    for (const { socket } of accepted) socket.destroy();
    server.close();
    throw error;
  });
  const ask = async () => Promise.race([Promise.all(lines.map(({ next }) => next())), gone]);
  const greetings = (await ask()) as RankGreeting[];
  return {
    ...{ name, greetings },
    step: async () => {
      for (const { socket } of lines) socket.write("step\n");
      return (await ask()) as RankStep[];
    },
    close: async () => {
      for (const { socket } of lines) socket.end();
      server.close();
      await ended;
    },
  };
}

interface Line {
  readonly socket: Socket;
  next(): Promise<unknown>;
}

/** Puts each into `lines` as it comes. */
async function acceptRanks(server: Server, count: number, lines: Line[]): Promise<Line[]> {
  for await (const [socket] of on(server, "connection") as AsyncIterable<[Socket]>) {
    const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
    lines.push({ socket, next: async () => JSON.parse((await answers.next()).value) });
    if (lines.length === count) break;
  }
  return lines;
}

/** Throws UserError E_PEER_DISAGREES where ranks take other steps than one process. */
async function checkSteps([alone, ...others]: readonly StartedRanks[]): Promise<void> {
  const look = async ({ step }: StartedRanks) => {
    const [first, second] = [(await step())[0]!, (await step())[0]!];
    return { losses: [first.loss, second.loss], gradientNorm: second.gradientNorm };
  };
  const expected = await look(alone!);
  const precision = alone!.greetings[0]!.device.endsWith("bf16") ? "bf16" : "f32";
  for (const ranks of others) checkAgreement(alone!.name, await look(ranks), expected, tolerance[precision]);
}

function report(
  { recipe, microBatches }: RanksOptions,
  started: readonly StartedRanks[],
  seconds: readonly (readonly number[])[],
  seen: readonly (readonly RankStep[][])[],
  reporter: Reporter,
): void {
  const sequences = microBatches * recipe.train.microBatchSequences;
  const tokens = sequences * recipe.model.sequenceLength;
  const { device } = started[0]!.greetings[0]!;
  const { engine } = started[1]!.greetings[0]!;
  reporter.heading(
    `${recipe.name}, ${sequences} × ${recipe.model.sequenceLength} tokens a step in ${microBatches} micro-batches, ${device}, ${engine}; medians of ${seconds[0]!.length}`,
  );
  const rows = started.map(({ name }, i) => {
    const median = medianOf(seconds[i]!);
    // Who comes last waits for nobody: its time is what the exchange itself takes.
    const exchange = seen[i]!.map(steps => Math.min(...steps.map(({ exchangeSeconds }) => exchangeSeconds)));
    const waiting = seen[i]!.map(steps => Math.max(...steps.map(({ exchangeSeconds }) => exchangeSeconds)));
    const bytes = Math.max(...seen[i]![0]!.map(({ exchangedBytes }) => exchangedBytes));
    const ratio = medianOf(seconds[0]!) / median;
    reporter.record({
      ...{ benchmark: "ranks", recipe: recipe.name, contestant: name, device, engine, sequences },
      ...{ seconds: seconds[i], tokensPerSecond: tokens / median, ratio },
      ...{ exchangedBytes: bytes, exchangeSeconds: medianOf(exchange), exchangeAndWaitSeconds: medianOf(waiting) },
    });
    return [
      name,
      ...[tokens / median, median, Math.min(...seconds[i]!)].map(formatFigure),
      ...[bytes / 1e6, medianOf(exchange), medianOf(waiting)].map(formatFigure),
      formatFigure(ratio),
    ];
  });
  const columns = ["", "tokens/s", "step s", "least", "MB exchanged", "exchange s", "with waiting", "ratio"];
  reporter.table(columns, rows);
}
