// What a downstream task is: the row of a table that says which files hold it, which columns are its texts and its label,
// and how it is scored. Suites are lists of such rows (glue.ts, super-glue.ts, …); a user's own file becomes one too.

import type { PassedOver } from "../../tables/passed-over.ts";
import type { Values } from "../../tables/row.ts";
import type { MetricName } from "../scores/metrics.ts";

/** entity-f1: of whole entities, for tagged words. */
export type TaskMetric = MetricName | "entity-f1";

export interface Task {
  /** Lower case, as in paths and on the command line: "sst2". */
  readonly name: string;
  /** As papers print it: "SST-2". */
  readonly title: string;
  /** classification: one class a text; regression: one number; tokens: one class a word. */
  readonly kind: "classification" | "regression" | "tokens";
  /** Columns of the texts; more than two are joined by <sep>. */
  readonly texts: readonly string[];
  readonly label: string;
  /** Labels as files spell them; a label's place is its class. Empty for regression. */
  readonly labels: readonly string[];
  /** The first is the one that counts. */
  readonly metrics: readonly [MetricName, ...TaskMetric[]];
  /** How the files that its makers publish spell it; absent for a user's own task, whose files say what they mean. */
  readonly published?: PublishedForm;
}

/**
 * What published files of a task have of their own. Their columns may also be called "s1" and "s2", in the order of `texts`,
 * and their labels may be numbers, the places in `labels`.
 */
export interface PublishedForm {
  /** Names of its folder besides those of the task. */
  readonly folders?: readonly string[];
  /** Other names of a column, first come first taken. */
  readonly columns?: Readonly<Record<string, readonly string[]>>;
  /** The columns of a .tsv that has no line of names. */
  readonly headerless?: readonly string[];
  /** Its .tsv is known to hold lines broken in two, which are left out of training. */
  readonly brokenLines?: true;
  /** The flat rows of a row: where a question has many answers, or a text is not a column. */
  readonly unfold?: (values: Values) => readonly Values[];
  /** Of a regression: the least and the greatest that is predicted. */
  readonly range?: readonly [least: number, greatest: number];
  /** The column that says which examples are scored together. */
  readonly group?: string;
  /** Its validation splits where they are several, each scored apart. */
  readonly splits?: readonly string[];
  /** The task whose training examples it takes, having none; all its own are for validation. */
  readonly trainedOn?: Task;
}

export interface Suite {
  /** As on the command line: "glue". */
  readonly name: string;
  readonly title: string;
  readonly tasks: readonly Task[];
  /** Names of the tasks that are listed but not averaged. */
  readonly excluded: readonly string[];
}

/** One row of a file. */
export interface Example {
  /** As the file names it, or its number from 0. */
  readonly id: string;
  /** One text a column of the task; for tokens the words of one sentence. */
  readonly texts: readonly string[];
  /** Classes or the number to predict; one entry, or one a word for tokens. Empty where the file has no label. */
  readonly targets: readonly number[];
  /** For messages: "MRPC/train.tsv:17". */
  readonly origin: string;
  /** Examples with one group are scored together (the answers of a MultiRC question). */
  readonly group?: string;
}

/** Examples that are scored apart: "validation", or "matched" and "mismatched" of MNLI. */
export interface Split {
  readonly name: string;
  readonly examples: readonly Example[];
}

/** The files of a task, read and checked. */
export interface TaskData {
  readonly task: Task;
  /** The file that a user's own task was read from; two files of one name are two tasks. */
  readonly source?: string;
  readonly train: readonly Example[];
  readonly validation: readonly Split[];
  /** Without labels, for a submission; empty where there is none. */
  readonly test: readonly Split[];
  /** Files that hold only a part of the published task, by name; such a score is marked wherever it is shown. */
  readonly subsets: readonly string[];
  /** What its folder holds besides, and was not read; absent of a file of one's own. */
  readonly passedOver?: readonly PassedOver[];
  /** Hash of the files read. */
  readonly hash: string;
}
