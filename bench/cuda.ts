// The day a GPU is there: `node dist/bench/cuda.js` checks the cuda backend against PyTorch, times training steps of crammed BERT at
// several micro-batches beside it, and prints one table, then where our time goes. It needs dist/, bench/peers, Node and koffi, and
// no network; Python with PyTorch for the peer. A micro-batch's line stands as soon as it is known, on standard error too.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crammedBert } from "../recipes/crammed-bert.ts";
import type { Backend } from "../src/backends/backend.ts";
import { openCuda } from "../src/backends/cuda/cuda.ts";
import { systemClock } from "../src/base/clock.ts";
import { UserError } from "../src/base/errors.ts";
import { measureCopy } from "../src/machine/measure-copy.ts";
import { countTokenFlops } from "../src/objectives/objectives.ts";
import type { Recipe } from "../src/train/recipe.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { type OwnStep, openOwnStep, type Precision } from "./own/own-step.ts";
import { startTorch, type TorchStep } from "./peers/torch-step.ts";
import { createReporter, formatFigure, type Reporter } from "./report.ts";
import { describeKernels, gatherKernels, kernelColumns } from "./roofline.ts";
import { measureSeconds, medianOf } from "./rounds.ts";
import { checkAgreement, tolerance } from "./step.ts";

/** Dense bf16 products by the data sheets, FLOP/s: what MFU means. */
const dataSheetPeaks = [
  [/H100 PCIe/, 756e12],
  [/H100|H200/, 989e12],
  [/A100/, 312e12],
  [/RTX A6000/, 154.8e12],
  [/RTX 3090/, 71e12],
  [/RTX 4090/, 165.2e12],
] as const;

interface Options {
  readonly microBatches: readonly number[];
  readonly python: string | undefined;
  readonly rounds: number;
  readonly secondsPerRound: number;
  /** Kernel by kernel at this micro-batch; undefined: not at all. */
  readonly kernelsAt: number | undefined;
}

interface Side {
  readonly secondsPerStep: number;
  readonly peakBytes: number;
  readonly watts?: number | undefined;
}

interface Rates {
  readonly products: number;
  readonly copy: number;
  readonly dataSheet: number | undefined;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      "micro-batches": { type: "string", default: "64,128,256,512,1024" },
      python: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "1" },
      kernels: { type: "string", default: "512" },
      json: { type: "boolean", default: false },
      /** Both sides at this micro-batch, as JSON: what the benchmark asks of itself. */
      measure: { type: "string" },
    },
  });
  const options: Options = {
    microBatches: values["micro-batches"].split(",").map(Number),
    python: values.python,
    rounds: Number(values.rounds),
    secondsPerRound: Number(values.seconds),
    kernelsAt: values.kernels === "none" ? undefined : Number(values.kernels),
  };
  const reporter = createReporter(values.json);
  if (values.measure !== undefined) {
    process.stdout.write(JSON.stringify(await measureSides(Number(values.measure), options, reporter)));
    return;
  }
  const rates = await measureRates(reporter);
  if (options.python !== undefined) await check(options.python, Math.min(...options.microBatches), reporter);
  const rows: string[][] = [];
  for (const microBatch of options.microBatches) rows.push(compareAt(microBatch, options, rates, reporter));
  reporter.table(
    ["sequences", "tokens/s", "MFU %", "step ms", "MiB", "W", "PyTorch tokens/s", "MFU %", "MiB", "ours/PyTorch"],
    rows,
  );
  if (options.kernelsAt !== undefined) await showKernels(options.kernelsAt, rates, reporter);
}

const recipeAt = (microBatchSequences: number, precision: Precision): Recipe => ({
  ...crammedBert,
  train: { ...crammedBert.train, microBatchSequences, precision },
});

const open = (precision: Precision) => openCuda({ precision });

async function withBackend<T>(precision: Precision, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await open(precision);
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** What the device reaches on products and copies, and what its data sheet promises. */
async function measureRates(reporter: Reporter): Promise<Rates> {
  return withBackend("bf16", async backend => {
    const products = await backend.measurePeak!();
    const copy = await measureCopy(backend, systemClock, 2 ** 31);
    const dataSheet = dataSheetPeaks.find(([name]) => name.test(backend.device))?.[1];
    const reached = `products ${formatFigure(products / 1e12)} TFLOP/s, copy ${formatFigure(copy / 1e9)} GB/s`;
    reporter.heading(
      `${backend.device}: ${reached}; MFU is of ${formatFigure((dataSheet ?? products) / 1e12)} TFLOP/s`,
    );
    reporter.record({ benchmark: "cuda", device: backend.device, products, copy, dataSheet });
    return { products, copy, dataSheet };
  });
}

/** Two steps from one start: ours in f32 and in bf16 beside PyTorch's in f32. Throws UserError E_PEER_DISAGREES. */
async function check(python: string, microBatch: number, reporter: Reporter): Promise<void> {
  const file = join(makeTemporaryFolder(), "start");
  for (const precision of ["f32", "bf16"] as const) {
    const recipe = recipeAt(microBatch, precision);
    const own = await openOwnStep(recipe, await open(precision));
    let seen: { losses: number[]; gradientNorm: number };
    try {
      const [first, second] = [await own.step(), await own.step()];
      seen = { losses: [first.loss, second.loss], gradientNorm: first.gradientNorm };
      own.writeStart(file);
    } finally {
      await own.close();
    }
    await withTorch(python, "f32", false, async peer => {
      peer.prepare(recipe, file);
      checkAgreement(`${peer.name} on the device`, seen, await peer.check(), tolerance[precision]);
    });
    const losses = seen.losses.map(loss => loss.toFixed(4)).join(", ");
    reporter.heading(`checked in ${precision} with ${microBatch} sequences: losses ${losses} as PyTorch's in f32`);
  }
}

async function withTorch<T>(
  python: string,
  precision: Precision,
  compile: boolean,
  use: (peer: TorchStep) => Promise<T>,
): Promise<T> {
  const peer = await startTorch({ python, precision, compile, threads: 8, device: "cuda" });
  try {
    return await use(peer);
  } finally {
    peer.close();
  }
}

interface Sides {
  readonly ours?: Side | undefined;
  readonly theirs?: Side | undefined;
}

/** Ours, then PyTorch, which would not both fit into the memory at once. */
async function measureSides(microBatch: number, options: Options, reporter: Reporter): Promise<Sides> {
  const recipe = recipeAt(microBatch, "bf16");
  const file = join(makeTemporaryFolder(), "start");
  const ours = await orNote(reporter, `ours, ${microBatch} sequences`, () => timeOurs(recipe, file, options));
  const { python } = options;
  if (python === undefined || ours === undefined) return { ours };
  const theirs = await orNote(reporter, `PyTorch, ${microBatch} sequences`, () =>
    timeTorch(python, recipe, file, options),
  );
  return { ours, theirs };
}

/** The same in a process of its own: after an error of the device nothing more succeeds in a process. */
function measureApart(microBatch: number, { python, rounds, secondsPerRound }: Options, reporter: Reporter): Sides {
  const words = ["--measure", microBatch, "--rounds", rounds, "--seconds", secondsPerRound].map(String);
  const { status, signal, stdout } = spawnSync(
    process.execPath,
    [import.meta.filename, ...words, ...(python === undefined ? [] : ["--python", python])],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status === 0) return JSON.parse(stdout) as Sides;
  reporter.note(`${microBatch} sequences: its process ended with ${signal ?? status}`);
  return {};
}

/** One line of the table. */
function compareAt(microBatch: number, options: Options, { products, dataSheet }: Rates, reporter: Reporter): string[] {
  const recipe = recipeAt(microBatch, "bf16");
  const tokens = microBatch * recipe.model.sequenceLength;
  const flops = tokens * countTokenFlops(recipe);
  const utilisation = ({ secondsPerStep }: Side) => (100 * flops) / secondsPerStep / (dataSheet ?? products);
  const { ours, theirs } = measureApart(microBatch, options, reporter);
  reporter.record({ benchmark: "cuda", microBatch, tokens, flops, ours, theirs });
  const describe = (side: Side | undefined) =>
    side === undefined ? ["", ""] : [formatFigure(tokens / side.secondsPerStep), formatFigure(utilisation(side))];
  const mebibytes = (side: Side | undefined) => (side === undefined ? "" : formatFigure(side.peakBytes / 2 ** 20));
  const row = [
    String(microBatch),
    ...describe(ours),
    ours === undefined ? "" : formatFigure(ours.secondsPerStep * 1e3),
    mebibytes(ours),
    ours?.watts === undefined ? "" : formatFigure(ours.watts),
    ...describe(theirs),
    mebibytes(theirs),
    ours === undefined || theirs === undefined ? "" : formatFigure(theirs.secondsPerStep / ours.secondsPerStep),
  ];
  reporter.note(row.join("  "));
  return row;
}

/** What `work` gives, or a note why it gives nothing: memory that is too small, a peer that ended. */
async function orNote<T>(reporter: Reporter, what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    reporter.note(`${what}: ${error instanceof UserError ? error.message : (error as Error).message.slice(-600)}`);
    return undefined;
  }
}

/** Medians over rounds of full steps on one micro-batch: forward, backward, clip, optimizer. */
async function timeOurs(recipe: Recipe, file: string, options: Options): Promise<Side> {
  const backend = await open("bf16");
  const free = backend.availableBytes!();
  let own: OwnStep | undefined;
  try {
    own = await openOwnStep(recipe, backend);
    for (let i = 0; i < 3; i++) await own.step();
    const joules = backend.readJoules!();
    const start = systemClock.seconds();
    const secondsPerStep = await timeRounds(options, async times => {
      const one = own!;
      return measureSeconds(async () => {
        for (let i = 0; i < times; i++) await one.step();
      });
    });
    const joulesAfter = backend.readJoules!();
    const watts =
      joules === undefined || joulesAfter === undefined
        ? undefined
        : (joulesAfter - joules) / (systemClock.seconds() - start);
    own.writeStart(file);
    return { secondsPerStep, peakBytes: free - backend.availableBytes!(), watts };
  } finally {
    if (own !== undefined) await own.close();
  }
}

async function timeTorch(python: string, recipe: Recipe, file: string, options: Options): Promise<Side> {
  return withTorch(python, "bf16", true, async peer => {
    peer.prepare(recipe, file);
    // Compiles in the first.
    let { peakBytes } = await peer.steps(3);
    const secondsPerStep = await timeRounds(options, async times => {
      const answer = await peer.steps(times);
      peakBytes = answer.peakBytes;
      return answer.seconds;
    });
    return { secondsPerStep, peakBytes };
  });
}

async function timeRounds({ rounds, secondsPerRound }: Options, run: (times: number) => Promise<number>) {
  const times = Math.max(2, Math.round(secondsPerRound / (await run(1))));
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push((await run(times)) / times);
  return medianOf(seconds);
}

async function showKernels(microBatch: number, rates: Rates, reporter: Reporter): Promise<void> {
  const own = await openOwnStep(recipeAt(microBatch, "bf16"), await open("bf16"));
  try {
    await own.step();
    const [first, update] = await own.timeLaunches(5);
    for (const [name, timed] of [["micro-batch", first!] as const, ["update", update!] as const]) {
      const kernels = gatherKernels(timed, { flops: rates.products, bytesPerSecond: rates.copy });
      reporter.heading(`${name} of ${microBatch} sequences, launch by launch:`);
      reporter.record({ benchmark: "cuda kernels", program: name, microBatch, kernels });
      reporter.table(kernelColumns, describeKernels(kernels));
    }
  } finally {
    await own.close();
  }
}

await main().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.code} ${error.message}\n  ${error.advice}\n`);
  process.exitCode = 1;
});
