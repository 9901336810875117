// The suites there are. Its average is over what counts in the published numbers; a score that is not
// there makes it an average of fewer, and it says so.

import { nearestNames, UserError } from "../../base/errors.ts";
import type { Suite, Task } from "../tasks/task.ts";
import { glue } from "./glue.ts";
import { race } from "./race.ts";
import { superGlue } from "./super-glue.ts";
import { swag } from "./swag.ts";

export interface Average {
  /** Undefined where there is no score at all. */
  readonly value: number | undefined;
  /** How many scores it is of. */
  readonly count: number;
  /** Names of the scores that it should have and has not; without any the average is the published kind. */
  readonly missing: readonly string[];
}

export const suites: readonly Suite[] = [glue, superGlue, race, swag];

/** The suite of that name. UserError E_SUITE_NAME. */
export function findSuite(name: string): Suite {
  const found = suites.find(suite => suite.name === name.toLowerCase());
  if (found !== undefined) return found;
  const names = suites.map(suite => suite.name);
  const [nearest] = nearestNames(name, names);
  throw new UserError(
    "E_SUITE_NAME",
    `no suite "${name}"; there are ${names.join(", ")}, and blimp`,
    nearest === undefined ? "Name one of them." : `Did you mean ${nearest}?`,
  );
}

/** Tasks of a suite by name or title, all without names. UserError E_TASK_NAME. */
export function selectTasks(suite: Suite, names: readonly string[] = []): readonly Task[] {
  if (names.length === 0) return suite.tasks;
  return names.map(name => {
    const wanted = name.toLowerCase();
    const found = suite.tasks.find(task => task.name === wanted || task.title.toLowerCase() === wanted);
    if (found !== undefined) return found;
    throw new UserError(
      "E_TASK_NAME",
      `${suite.title} has no task "${name}"; it has ${suite.tasks.map(task => task.name).join(", ")}`,
      "Name one of them.",
    );
  });
}

/** The name of a split's score: "cola", "mnli/matched". */
export function nameScore(task: Pick<Task, "name">, split: string): string {
  return split === "validation" ? task.name : `${task.name}/${split}`;
}

/** The names of the scores that a suite's average is of, in the order of its tasks: nine for GLUE, two of them MNLI's. */
export function listCountedScores(suite: Suite): string[] {
  return suite.tasks
    .filter(task => !suite.excluded.includes(task.name))
    .flatMap(task => (task.published?.splits ?? ["validation"]).map(split => nameScore(task, split)));
}

/**
 * The mean of the counted scores, by their names; each is the first metric of its task. One that is no number is missing, as one
 * that is not there.
 */
export function averageScores(suite: Suite, scores: ReadonlyMap<string, number>): Average {
  const names = listCountedScores(suite);
  const isThere = (name: string) => !Number.isNaN(scores.get(name) ?? Number.NaN);
  const there = names.filter(isThere);
  const sum = there.reduce((total, name) => total + scores.get(name)!, 0);
  return {
    value: there.length === 0 ? undefined : sum / there.length,
    count: there.length,
    missing: names.filter(name => !isThere(name)),
  };
}
