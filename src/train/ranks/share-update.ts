// How ranks share out an update, from the recipe alone: whose each parameter is, with all that the optimizer keeps of it.

import { countBytes, countElements } from "../../graph/tensor.ts";
import { listTrained } from "../../objectives/objectives.ts";
import { listMoments } from "../../optim/update.ts";
import type { Recipe } from "../recipe.ts";
import type { SharedUpdate } from "../step/training-definition.ts";
import { assignOwners } from "./owners.ts";

/** Which share of an update that so many ranks take. */
export interface UpdateShare {
  readonly rank: number;
  readonly size: number;
}

/** Whole parameters, so that each rank's bytes of them and of their moments are about alike: none is cut, however large. */
export function shareUpdate(recipe: Recipe, ranks: number): SharedUpdate {
  const listed = listTrained(recipe);
  const moments = listed.map(parameter => [...listMoments([parameter], recipe.optimizer)]);
  const bytes = listed.map(({ shape }, i) =>
    moments[i]!.reduce((sum, [, type]) => sum + countBytes(type), 4 * countElements(shape)),
  );
  const owners = assignOwners(bytes, ranks);
  return {
    owners: new Map(listed.map(({ name }, i) => [name, owners[i]!])),
    moments: new Map(
      moments.flatMap((each, i) => each.map(([name, type]) => [name, { type, owner: owners[i]! }] as const)),
    ),
  };
}

/** The share with the most moments, and their bytes: what the memory of every rank must hold. */
export function findLargestShare(recipe: Recipe, ranks: number): UpdateShare & { readonly bytes: number } {
  const bytes = new Array<number>(ranks).fill(0);
  for (const { type, owner } of shareUpdate(recipe, ranks).moments.values()) bytes[owner]! += countBytes(type);
  const most = Math.max(...bytes);
  return { rank: bytes.indexOf(most), size: ranks, bytes: most };
}
