// `step`: a full training step of a recipe (forward, backward, clip, optimizer) on one micro-batch, beside PyTorch. Before
// anything is timed, two steps from the same parameters on the same batch must give the same losses and gradient norm.

import { join } from "node:path";
import { openCpu } from "../src/backends/cpu/cpu.ts";
import { UserError } from "../src/base/errors.ts";
import { countTokenFlops } from "../src/objectives/objectives.ts";
import type { Recipe } from "../src/train/recipe.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { type OwnStep, openOwnStep, type Precision } from "./own/own-step.ts";
import { startPeers } from "./peers/peer.ts";
import { startTorch, type TorchStep } from "./peers/torch-step.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type Contestant, measureSeconds, type Timing } from "./rounds.ts";

export interface StepOptions {
  readonly recipe: Recipe;
  readonly threads: number;
  readonly rounds: number;
  readonly quietSeconds: number;
  /** One peer for each python and precision; none: ours alone. */
  readonly pythons: readonly string[];
  readonly peerPrecisions: readonly Precision[];
  readonly compile: boolean;
  /** The peers' update of Muon by torch.compile. */
  readonly compileUpdate: boolean;
}

/** Largest relative difference of losses and gradient norm from the peer's, whose check runs in f32. */
export const tolerance: Readonly<Record<Precision, number>> = { f32: 1e-3, bf16: 2e-2 };
const secondsPerTurn = 1;

export async function benchStep(options: StepOptions, reporter: Reporter): Promise<void> {
  const { recipe, threads, compile, compileUpdate } = options;
  const starts = options.pythons.flatMap(python =>
    options.peerPrecisions.map(precision => () => startTorch({ python, precision, compile, compileUpdate, threads })),
  );
  const peers = await startPeers(starts, reporter.note);
  const folder = makeTemporaryFolder();
  try {
    const own = await openOwnStep(recipe, await openCpu({ threads, precision: recipe.train.precision }));
    try {
      await compareSteps(own, peers, join(folder, "start"), options, reporter);
    } finally {
      await own.close();
    }
  } finally {
    for (const peer of peers) peer.close();
  }
}

async function compareSteps(
  own: OwnStep,
  peers: readonly TorchStep[],
  start: string,
  { recipe, rounds, quietSeconds }: StepOptions,
  reporter: Reporter,
): Promise<void> {
  const precision = own.device.endsWith("bf16") ? "bf16" : "f32";
  const first = await own.step();
  const second = await own.step();
  const seen = { losses: [first.loss, second.loss], gradientNorm: first.gradientNorm };
  // Two steps have touched all memory that training needs; drawing the peers' parameters again is the benchmark's.
  let ownPeakBytes = process.resourceUsage().maxRSS * 1024;
  if (peers.length > 0) own.writeStart(start);
  for (const peer of peers) {
    peer.prepare(recipe, start);
    checkAgreement(`${peer.name} in f32`, seen, await peer.check(), tolerance[precision]);
  }
  const peakBytes = new Map<string, number>();
  const ownName = `cramming ${precision}`;
  const ours: Contestant = {
    name: ownName,
    run: times =>
      measureSeconds(async () => {
        for (let i = 0; i < times; i++) await own.step();
        ownPeakBytes = Math.max(ownPeakBytes, process.memoryUsage.rss());
      }),
  };
  const theirs = peers.map(
    (peer): Contestant => ({
      name: peer.name,
      processIds: peer.processIds,
      run: async times => {
        const answer = await peer.steps(times);
        peakBytes.set(peer.name, answer.peakBytes);
        return answer.seconds;
      },
    }),
  );
  const timings = await alternate([ours, ...theirs], { rounds, secondsPerTurn, quietSeconds });
  peakBytes.set(ownName, ownPeakBytes);
  report(own, seen.losses, timings, peakBytes, recipe, reporter);
}

export interface Seen {
  readonly losses: readonly number[];
  readonly gradientNorm: number;
}

/** Throws UserError E_PEER_DISAGREES: what is wrong is not timed. */
export function checkAgreement(peer: string, ours: Seen, theirs: Seen, limit: number): void {
  const names = ["loss of the first step", "loss of the second step", "gradient norm"];
  const pairs = [...ours.losses, ours.gradientNorm].map(
    (value, i) => [value, [...theirs.losses, theirs.gradientNorm][i]!] as const,
  );
  pairs.forEach(([value, expected], i) => {
    if (Math.abs(value - expected) <= limit * Math.abs(expected)) return;
    throw new UserError(
      "E_PEER_DISAGREES",
      `${names[i]}: ours ${value}, ${peer} ${expected}`,
      "One of the two computes something else; nothing was timed.",
    );
  });
}

function report(
  own: OwnStep,
  losses: readonly number[],
  timings: readonly Timing[],
  peakBytes: ReadonlyMap<string, number>,
  recipe: Recipe,
  reporter: Reporter,
): void {
  const sequences = recipe.train.microBatchSequences;
  const tokens = sequences * recipe.model.sequenceLength;
  const flops = tokens * countTokenFlops(recipe);
  reporter.heading(
    `${recipe.name}, ${own.parameterCount.toLocaleString("en-US")} parameters, ${sequences} × ${recipe.model.sequenceLength} ` +
      `tokens a step, ${own.device}\nopened in ${formatFigure(own.openSeconds)} s, arena ${formatFigure(own.arenaBytes / 2 ** 20)} MiB; ` +
      `losses ${losses.map(loss => loss.toFixed(4)).join(", ")}${timings.length > 1 ? " as the peers'" : ", unchecked"}`,
  );
  const ours = timings[0]!;
  const rows = timings.map(timing => {
    const ratio = timing.median / ours.median;
    const record = {
      benchmark: "step",
      recipe: recipe.name,
      contestant: timing.name,
      device: own.device,
      sequences,
      seconds: timing.seconds,
      tokensPerSecond: tokens / timing.median,
      bestTokensPerSecond: tokens / timing.minimum,
      gflops: flops / timing.median / 1e9,
      peakBytes: peakBytes.get(timing.name),
      ...(timing === ours
        ? { openSeconds: own.openSeconds, arenaBytes: own.arenaBytes, losses }
        : { oursOverPeer: ratio }),
    };
    reporter.record(record);
    return [
      timing.name,
      formatFigure(record.tokensPerSecond),
      formatFigure(record.bestTokensPerSecond),
      formatFigure(timing.median * 1e3),
      formatFigure(timing.minimum * 1e3),
      formatFigure(record.gflops),
      formatFigure(record.peakBytes! / 2 ** 20),
      timing === ours ? "" : formatFigure(ratio),
    ];
  });
  const columns = ["", "tokens/s", "best", "step ms", "least", "GFLOP/s", "peak MiB", "ours/peer"];
  reporter.table(columns, rows);
}
