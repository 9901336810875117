// A rank that follows: it opens what rank 0 announces and does its share of every step. It writes no file of the run's and shows nothing.

import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import type { Collective } from "../../collective/collective.ts";
import { connectDevices } from "../../collective/open-collective.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { countElements } from "../../graph/tensor.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import { firstLossScale, type LossScale } from "../../optim/loss-scale.ts";
import { queueBatches } from "../../train/batch-queue.ts";
import { openBatches } from "../../train/batches.ts";
import { defineTraining } from "../../train/definition.ts";
import { openLocalSteps } from "../../train/ranks/local-steps.ts";
import { followRanks, hearAnnouncement } from "../../train/ranks/rank-orders.ts";
import { createRankSums } from "../../train/ranks/rank-sums.ts";
import type { UpdateShare } from "../../train/ranks/share-update.ts";
import { openUpdateShares } from "../../train/ranks/update-shares.ts";
import type { Recipe } from "../../train/recipe.ts";
import { openEngine } from "../../train/step/engine.ts";
import { createStepTaker } from "../../train/step/micro-batches.ts";
import type { TrainingDefinition } from "../../train/step/training-definition.ts";
import { warmUp } from "../../train/warm-up.ts";
import { type BackendChoice, type BackendName, withBackend } from "../backend.ts";
import { collectGarbage } from "./heap.ts";

/** What every rank must know of a run. */
export interface AnnouncedRun {
  readonly recipe: Recipe;
  /** The dataset's folder, which every machine has. */
  readonly data: string;
  readonly datasetHash: string;
  readonly isInOrder: boolean;
  /** Whether the update and its moments are shared out. */
  readonly isShared: boolean;
  /** What rank 0 computes on: a run that is resumed has chosen itself. */
  readonly backend: BackendName;
  /** Of the checkpoint that the run goes on from. */
  readonly lossScale?: LossScale | undefined;
}

/** The training of a rank that is told every parameter before its first step: none is drawn. */
export const defineFollowed = (recipe: Recipe, share?: UpdateShare): TrainingDefinition => {
  const definition = defineTraining(recipe, undefined, share);
  const makeEmpty = (name: string) => new Float32Array(countElements(definition.parameters.get(name)!));
  return { ...definition, initialise: (name, place) => place?.fill(0) ?? makeEmpty(name) };
};

type ChoosePart = (backend: BackendName) => BackendChoice;

/** The states that ranks have in common. */
export const listCommon = ({ parameters, moments, shared }: TrainingDefinition): ReadonlySet<string> =>
  new Set([...parameters.keys(), ...[...moments.keys()].filter(name => shared?.moments.has(name) !== true)]);

/**
 * Follows rank 0 to the end of its training, on this rank's part of its machine. The signal asks rank 0 to end it. UserErrors: E_RANKS, and
 * those of opening a dataset and a backend.
 */
export async function followRun(collective: Collective, choosePart: ChoosePart, signal: AbortSignal): Promise<void> {
  try {
    const announced = await hearAnnouncement<AnnouncedRun>(collective);
    if (announced !== null) await followAnnounced(collective, announced, choosePart, signal);
    await collective.close();
  } catch (error) {
    // The others would wait for this rank; they end when it has said why.
    process.once("exit", () => collective.abort(1));
    // Asked to end while it compiled: a launcher's signal ends the compiler, too.
    signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    const { code, message, advice } = error;
    throw new UserError(code as `E_${string}`, `rank ${collective.rank}: ${message}`, advice, { cause: error });
  }
}

async function followAnnounced(
  collective: Collective,
  { recipe, data, datasetHash, isInOrder, isShared, backend: name, lossScale }: AnnouncedRun,
  choosePart: ChoosePart,
  signal: AbortSignal,
): Promise<void> {
  const dataset = new Dataset(data);
  try {
    dataset.verify();
    if (dataset.manifest.hash !== datasetHash) {
      throw new UserError(
        "E_RANKS",
        `${data} is another dataset than the one of that name where rank 0 is`,
        "Put the same dataset on every machine, or on a disk that they share.",
      );
    }
    const source = openBatches(dataset, recipe);
    await withBackend(choosePart(name), recipe.train.precision, async backend => {
      const definition = defineFollowed(recipe, isShared ? collective : undefined);
      const engine = await openEngine(backend, definition);
      collectGarbage();
      const isLocal = recipe.train.sync !== undefined;
      const connected = isInOrder || isLocal ? collective : await connectDevices(collective, backend);
      // Asked to end before the first step, this rank says so with it.
      const { signal: never } = new AbortController();
      await warmUp({ engine, source, recipe, clock: systemClock, resumeFrom: undefined, signal: never });
      engine.lossScale?.restore(lossScale ?? firstLossScale);
      const { states } = engine;
      const { microBatchSequences, seed, sync, badStepsAllowed } = recipe.train;
      const sums = createRankSums(connected, backend, states, { isInOrder, isLocal });
      const local = sync && openLocalSteps(collective, backend, engine, definition, sync);
      const shares = definition.shared && openUpdateShares(connected, backend, states, definition.shared);
      const queue = queueBatches(source, microBatchSequences);
      const batchEnd = createBatchEnd(undefined, undefined);
      const take = createStepTaker({ engine, queue, microBatchSequences, seed, batchEnd, sums, shares });
      const common = listCommon(definition);
      await followRanks({ collective, backend, states, shared: common, local, shares, badStepsAllowed }, take, signal);
    });
  } finally {
    dataset.close();
  }
}
