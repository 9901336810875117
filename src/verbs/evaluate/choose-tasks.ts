// The tasks that an evaluation's options name, with a reader of their files: those of a suite, or a file of one's own.

import { closeSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import { openForReading } from "../../base/files/files.ts";
import { findSuite, selectTasks } from "../../evaluate/suites/suites.ts";
import { readConllTask } from "../../evaluate/tasks/conll.ts";
import { readOwnTask } from "../../evaluate/tasks/own-task.ts";
import { readTask } from "../../evaluate/tasks/read-task.ts";
import type { Suite, Task, TaskData } from "../../evaluate/tasks/task.ts";
import { type Separator, separators } from "../../tables/formats/separator.ts";
import { type EvaluateOptions, refuseOption, refuseOptions } from "./evaluate-options.ts";

export interface ChosenTasks {
  /** Undefined for a user's own file. */
  readonly suite: Suite | undefined;
  /** Folder under evaluations/. */
  readonly name: string;
  readonly tasks: readonly Task[];
  readonly readData: (task: Task) => Promise<TaskData>;
}

/** UserErrors: E_OPTION for options that do not go together; those of finding a suite and of reading a user's file. */
export async function chooseTasks(options: EvaluateOptions): Promise<ChosenTasks> {
  if (options.task !== undefined) return chooseOwnTask(options.task, options);
  const own = ["label", "validation", "test", "kind", "name", "separator", "text"] as const;
  refuseOptions(options, own, "goes with --task, a file of your own");
  const { suite: name, suiteDir, tasks, submission } = options;
  if (name === undefined || suiteDir === undefined) {
    throw new UserError(
      "E_OPTION",
      "nothing to evaluate on",
      "Give --glue-dir, or --suite with --suite-dir, or a file of your own with --task.",
    );
  }
  const suite = findSuite(name);
  const test = submission !== undefined;
  const readData = (task: Task) => readTask(task, suiteDir, { test });
  return { suite, name: suite.name, tasks: selectTasks(suite, tasks), readData };
}

async function chooseOwnTask(path: string, options: EvaluateOptions): Promise<ChosenTasks> {
  refuseOptions(options, ["suite", "suiteDir", "tasks", "submission"], "does not go with --task");
  const data = await readOwnData(path, options);
  return { suite: undefined, name: "own", tasks: [data.task], readData: async () => data };
}

/** A file system has room for 255, some of which a draft needs. */
const mostNameBytes = 200;

async function readOwnData(path: string, options: EvaluateOptions): Promise<TaskData> {
  const { text: texts = [], label, validation, test, kind, name } = options;
  if (name !== undefined && !/[\p{L}\p{N}]/u.test(name)) throw refuseOption("name", "wants letters or digits");
  if (name !== undefined && Buffer.byteLength(name) > mostNameBytes)
    throw refuseOption("name", "is too long for a folder");
  // A file that is not there is said before anything is asked of its columns.
  for (const file of [path, validation, test]) if (file !== undefined) closeSync(openForReading(file, "table"));
  const files = {
    path,
    ...(name !== undefined && { name }),
    ...(validation !== undefined && { validation }),
    seed: 0,
  };
  if (kind === "tokens") {
    refuseOptions(options, ["text"], "is not read with --kind tokens");
    refuseOptions(
      options,
      ["label", "test", "separator"],
      "is not read with --kind tokens: words and tags are the first and last columns",
    );
    return readConllTask(files);
  }
  if (kind !== undefined && kind !== "classification" && kind !== "regression") {
    throw new UserError("E_OPTION", `--kind ${kind}: no such kind`, "There are classification, regression and tokens.");
  }
  if (texts.length === 0 || label === undefined) {
    throw new UserError(
      "E_OPTION",
      `--task ${path}: which columns are the text and the label?`,
      "Give --text COLUMN, once for each text, and --label COLUMN; or --kind tokens for words with tags.",
    );
  }
  return readOwnTask({
    ...{ ...files, ...chooseSeparator(options), texts, label },
    ...(test !== undefined && { test }),
    ...(kind !== undefined && { kind }),
  });
}

function chooseSeparator({ separator: given }: EvaluateOptions): { separator?: Separator } {
  if (given === undefined) return {};
  const separator = given === "tab" || given === "\\t" ? "\t" : separators.find(each => each === given);
  if (separator !== undefined) return { separator };
  throw new UserError("E_OPTION", `--separator ${given}: no such separator`, 'There are "," ";" "|" and tab.');
}
