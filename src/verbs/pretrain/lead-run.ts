// Rank 0 of several: what it tells the others of a run, and which runs several ranks can train.

import type { Backend } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import { connectDevices } from "../../collective/open-collective.ts";
import type { LossScale } from "../../optim/loss-scale.ts";
import { openLocalSteps } from "../../train/ranks/local-steps.ts";
import type { RankLead, RankLeader } from "../../train/ranks/rank-orders.ts";
import { createRankSums } from "../../train/ranks/rank-sums.ts";
import { openUpdateShares } from "../../train/ranks/update-shares.ts";
import type { Recipe } from "../../train/recipe.ts";
import type { OpenEngine } from "../../train/step/engine.ts";
import type { TrainingDefinition } from "../../train/step/training-definition.ts";
import { type AnnouncedRun, listCommon } from "./follow-run.ts";
import type { OpenRun } from "./open-run.ts";

/** How several ranks train a run. */
export interface RankChoice {
  readonly leader: RankLeader<AnnouncedRun>;
  /** Whether micro-batches are added in the step's order: the same bits for any number of ranks. */
  readonly isInOrder: boolean;
  /** Whether ranks share out the update and its moments (ZeRO-1). */
  readonly isShared: boolean;
}

/** UserError E_OPTION for a recipe that so many ranks cannot train in this way; read from the recipe, so that no rank need be started. */
export function checkRanks(
  recipe: Recipe,
  { size, isInOrder, isShared }: Pick<RankChoice, "isInOrder" | "isShared"> & { readonly size: number },
): void {
  if (recipe.schedule.batchRule !== undefined && size > 1) {
    throw new UserError(
      "E_OPTION",
      `schedule.batchRule compares micro-batches one after another, and ${size} ranks take them at once`,
      "Leave schedule.batchRule out, or train in one process.",
    );
  }
  if (recipe.train.sync !== undefined && isInOrder) {
    throw new UserError(
      "E_OPTION",
      "--sum in-order adds the gradients of all ranks, and with train.sync none are added",
      "Leave --sum out.",
    );
  }
  if (recipe.train.sync !== undefined && isShared) {
    throw new UserError(
      "E_OPTION",
      "--shard-optimizer shares out one update, and with train.sync each rank has its own",
      "Leave --shard-optimizer out.",
    );
  }
}

/**
 * Tells the others of the run, before anything is compiled. UserErrors: those of checkRanks, E_OPTION for an optimizer with a probe, E_RANKS
 * for processors that the engine does not sum between.
 */
export async function announceRun(
  { leader, isInOrder, isShared }: RankChoice,
  { recipe, dataset, backend }: Pick<OpenRun, "recipe" | "dataset" | "backend">,
  definition: TrainingDefinition,
  lossScale: LossScale | undefined,
): Promise<void> {
  checkRanks(recipe, { size: leader.collective.size, isInOrder, isShared });
  if (definition.probe !== undefined && isInOrder) {
    throw new UserError(
      "E_OPTION",
      "--sum in-order adds gradients alone, and the optimizer has a probe",
      "Leave --sum out, or take another optimizer.",
    );
  }
  // Else the first sum says it, when all is compiled.
  if (backend.name === "cpu") leader.collective.refusePlaced?.();
  const data = dataset.folder;
  await leader.announce({
    recipe,
    data,
    datasetHash: dataset.manifest.hash,
    isInOrder,
    isShared,
    backend: backend.name,
    lossScale,
  });
}

/** What the loop asks of the others, when the engine is open; warns where devices sum slowly. UserErrors: those of connecting GPUs. */
export async function openLead(
  { leader, isInOrder }: RankChoice,
  backend: Backend,
  engine: OpenEngine,
  definition: TrainingDefinition,
  { train: { sync } }: Recipe,
  warn: (text: string) => void,
): Promise<RankLead> {
  const { states } = engine;
  const isLocal = sync !== undefined;
  const collective = isInOrder || isLocal ? leader.collective : await connectDevices(leader.collective, backend);
  const sums = createRankSums(collective, backend, states, { isInOrder, isLocal });
  if (collective.stream !== undefined && collective.sumBeside === undefined) {
    warn(
      `${collective.engine} cannot be recorded in a graph, as 2.9 can: gradients are summed behind the backward pass`,
    );
  }
  const local = sync && openLocalSteps(collective, backend, engine, definition, sync);
  const shares = definition.shared && openUpdateShares(collective, backend, states, definition.shared);
  return leader.lead({ backend, states, shared: listCommon(definition), local, shares }, sums);
}
