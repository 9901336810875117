// Results that an evaluation finds where its own go, of another model, recipe or data: those that stood there before are replaced, which
// is said; one that another evaluation stores meanwhile is not, or each of two would undo the other's work.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { folderOf, type ResultPlace } from "./evaluation-folder.ts";
import type { TaskResult } from "./result.ts";

type Hashes = TaskResult["hashes"];

/** Where a result is to go. */
interface Target {
  readonly place: ResultPlace;
  readonly hashes: Hashes;
  /** Of the result that stood there when the evaluation began. */
  readonly earlier: Hashes | undefined;
}

/** A warning about those of one task that will be replaced; none where there are none. */
export function describeReplaced(targets: readonly Target[]): string[] {
  const differences = targets.flatMap(({ earlier, hashes }) => (earlier && nameDifference(earlier, hashes)) ?? []);
  const [first] = differences;
  if (first === undefined) return [];
  const results = countOf(differences.length, "stored result");
  const { task } = targets[0]!.place;
  return [`${results} of ${task}, of another ${first}, will be replaced; --out another folder keeps them`];
}

/** UserError E_EVALUATION_SHARED where what is stored now is neither this evaluation's nor what it found when it began. */
export function refuseStoredMeanwhile({ place, hashes, earlier }: Target, stored: Hashes | undefined): void {
  if (stored === undefined) return;
  const difference = nameDifference(stored, hashes);
  if (difference === undefined) return;
  if (earlier !== undefined && nameDifference(stored, earlier) === undefined) return;
  throw new UserError(
    "E_EVALUATION_SHARED",
    `${folderOf(place)}: another evaluation has stored its result there meanwhile, of another ${difference}`,
    "Give one of the two a folder of its own with --out.",
  );
}

/** What the two are of that is not the same. */
const nameDifference = (one: Hashes, other: Hashes): keyof Hashes | undefined =>
  (["model", "recipe", "data"] as const).find(key => one[key] !== other[key]);
