// `finetune`: steps of finetuning a classifier (forward with dropout, backward, AdamW) on batches of texts of many lengths, beside
// PyTorch. Before anything is timed, some steps without dropout must give the same losses. What counts is real tokens: each pads
// the same batches as it does it best, ours to one of a few lengths, PyTorch to its longest text.

import { join } from "node:path";
import { UserError } from "../src/base/errors.ts";
import type { FinetuneRecipe } from "../src/evaluate/finetuning/finetune-recipe.ts";
import type { ModelShape } from "../src/model/shape.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { classes, type OwnFinetune, openOwnFinetune } from "./own/own-finetune.ts";
import type { Precision } from "./own/own-step.ts";
import { peerPath } from "./peers/native.ts";
import { Peer, startPeers, threadEnvironment } from "./peers/peer.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type Contestant, measureSeconds, type Timing } from "./rounds.ts";

export interface FinetuneBenchOptions {
  readonly model: ModelShape;
  readonly recipe: FinetuneRecipe;
  /** In one pass. */
  readonly batches: number;
  readonly threads: number;
  readonly rounds: number;
  readonly quietSeconds: number;
  /** One peer for each python and precision; none: ours alone. */
  readonly pythons: readonly string[];
  readonly peerPrecisions: readonly Precision[];
}

/** Largest relative difference of a loss from the peer's, whose check runs in f32. */
const tolerance: Readonly<Record<Precision, number>> = { f32: 1e-4, bf16: 1e-2 };
const checkedSteps = 3;
/** The recipe's rate would change too little in a few steps to show a wrong gradient. */
const checkedRate = 1e-3;
const secondsPerTurn = 1;

interface NamedPeer {
  readonly name: string;
  readonly precision: Precision;
  readonly peer: Peer;
}

export async function benchFinetune(options: FinetuneBenchOptions, reporter: Reporter): Promise<void> {
  const { model, recipe, batches, threads } = options;
  const starts = options.pythons.flatMap(python =>
    options.peerPrecisions.map(precision => async (): Promise<NamedPeer> => {
      const peer = await Peer.start(python, [peerPath("torch-finetune.py")], threadEnvironment(threads));
      return { name: `${peer.name} ${precision}`, precision, peer };
    }),
  );
  const peers = await startPeers(starts, reporter.note);
  const folder = makeTemporaryFolder();
  try {
    const own = await openOwnFinetune(model, recipe, batches, threads);
    try {
      await compare(own, peers, join(folder, "start"), options, reporter);
    } finally {
      await own.close();
    }
  } finally {
    for (const { peer } of peers) peer.close();
  }
}

async function compare(
  own: OwnFinetune,
  peers: readonly NamedPeer[],
  file: string,
  { model, recipe, threads, rounds, quietSeconds }: FinetuneBenchOptions,
  reporter: Reporter,
): Promise<void> {
  const ownPrecision = own.device.endsWith("bf16") ? "bf16" : "f32";
  const losses = await own.check(checkedSteps, checkedRate / recipe.learningRate);
  if (peers.length > 0) await own.writeStart(file);
  for (const { name, precision, peer } of peers) {
    const { batchSequences: sequences } = recipe;
    const parameters = own.parameters.map(({ name, shape, role }) => ({ name, shape, role }));
    const setting = { model, recipe, sequences, classes, batches: own.batches.length, parameters };
    peer.tell(JSON.stringify({ ...setting, file, precision, threads }));
    const seen = await peer.ask<{ losses: number[] }>(`check ${checkedSteps} ${checkedRate}`);
    checkAgreement(`${name} in f32`, losses, seen.losses, tolerance[ownPrecision]);
  }
  const ours: Contestant = {
    name: `cramming ${ownPrecision}`,
    run: times =>
      measureSeconds(async () => {
        for (let i = 0; i < times; i++) await own.pass();
      }),
  };
  const theirs = peers.map(
    ({ name, peer }): Contestant => ({
      name,
      processIds: peer.processIds,
      run: async times => (await peer.ask<{ seconds: number }>(`pass ${times}`)).seconds,
    }),
  );
  const timings = await alternate([ours, ...theirs], { rounds, secondsPerTurn, quietSeconds });
  report(own, losses, timings, recipe, reporter);
}

/** Throws UserError E_PEER_DISAGREES: what is wrong is not timed. */
function checkAgreement(peer: string, ours: readonly number[], theirs: readonly number[], limit: number): void {
  theirs.forEach((expected, i) => {
    if (Math.abs(ours[i]! - expected) <= limit * Math.abs(expected)) return;
    throw new UserError(
      "E_PEER_DISAGREES",
      `loss of step ${i + 1} without dropout: ours ${ours[i]}, ${peer} ${expected}`,
      "One of the two computes something else; nothing was timed.",
    );
  });
}

function report(
  own: OwnFinetune,
  losses: readonly number[],
  timings: readonly Timing[],
  { batchSequences, dropout }: FinetuneRecipe,
  reporter: Reporter,
): void {
  const { batches, tokens, paddedTokens } = own;
  const sequences = batches.length * batchSequences;
  const buckets = [...new Set(batches.map(({ length }) => length))].sort((a, b) => a - b);
  reporter.heading(
    `${batches.length} batches of ${batchSequences} texts, ${tokens.toLocaleString("en-US")} tokens, dropout ${dropout}, ` +
      `${own.device}\nours padded to ${buckets.join(", ")}: ${((100 * tokens) / paddedTokens).toFixed(0)} % of its ` +
      `tokens are real; compiled in ${formatFigure(own.openSeconds)} s; losses without dropout ` +
      `${losses.map(loss => loss.toFixed(4)).join(", ")}${timings.length > 1 ? " as the peers'" : ", unchecked"}`,
  );
  const ours = timings[0]!;
  const rows = timings.map(timing => {
    const record = {
      benchmark: "finetune",
      contestant: timing.name,
      device: own.device,
      batches: batches.length,
      batchSequences,
      tokens,
      paddedTokens,
      seconds: timing.seconds,
      tokensPerSecond: tokens / timing.median,
      bestTokensPerSecond: tokens / timing.minimum,
      sequencesPerSecond: sequences / timing.median,
      ...(timing === ours ? { openSeconds: own.openSeconds, losses } : { oursOverPeer: timing.median / ours.median }),
    };
    reporter.record(record);
    return [
      timing.name,
      formatFigure(record.tokensPerSecond),
      formatFigure(record.bestTokensPerSecond),
      formatFigure(record.sequencesPerSecond),
      formatFigure((timing.median / batches.length) * 1e3),
      timing === ours ? "" : formatFigure(timing.median / ours.median),
    ];
  });
  reporter.table(["", "tokens/s", "best", "texts/s", "step ms", "ours/peer"], rows);
}
