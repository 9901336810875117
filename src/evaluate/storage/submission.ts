// The files that the GLUE and SuperGLUE servers take: one a test set, a line an example, labels spelt as each server wants
// them. GLUE: `index` and `prediction` in a .tsv. SuperGLUE: a JSON object a line, for MultiRC one a passage.

import type { Example, Task } from "../tasks/task.ts";

export interface SubmissionFile {
  readonly name: string;
  readonly text: string;
}

type Spell = (prediction: number, task: Task) => string | number | boolean;

const byName: Spell = (prediction, task) => task.labels[prediction]!;
const byNumber: Spell = prediction => prediction;
/** STS-B's scores are of 0 to 5, and what a regression says may lie outside. */
const byScore: Spell = prediction => Math.min(5, Math.max(0, prediction)).toFixed(3);
const byLowerCase: Spell = (prediction, task) => task.labels[prediction]!.toLowerCase();

/** Suite and task to how its labels are spelt; what is not here has no server. */
const spellings: Readonly<Record<string, Readonly<Record<string, Spell>>>> = {
  glue: {
    cola: byNumber,
    sst2: byNumber,
    mrpc: byNumber,
    stsb: byScore,
    qqp: byNumber,
    mnli: byName,
    qnli: byName,
    rte: byName,
    wnli: byNumber,
  },
  superglue: {
    boolq: byLowerCase,
    cb: byName,
    copa: byNumber,
    multirc: byNumber,
    rte: byName,
    wic: byLowerCase,
    wsc: byName,
    axb: byName,
    axg: byName,
  },
};

/**
 * The file for one test split of a task: "CoLA.tsv", "MNLI-m.tsv", "BoolQ.jsonl"; undefined where no server takes one.
 * `predictions` are classes or numbers, one an example, in the examples' order.
 */
export function formatSubmission(
  suite: string,
  task: Task,
  split: string,
  examples: readonly Example[],
  predictions: readonly number[],
): SubmissionFile | undefined {
  const spell = spellings[suite]?.[task.name];
  if (spell === undefined) return undefined;
  if (predictions.length !== examples.length) {
    throw new Error(`${task.name}: ${predictions.length} predictions of ${examples.length} examples`);
  }
  const spelt = predictions.map(prediction => spell(prediction, task));
  if (suite === "glue") {
    const lines = examples.map(({ id }, i) => `${id}\t${spelt[i]}\n`);
    return { name: `${task.title}${shorten(split)}.tsv`, text: `index\tprediction\n${lines.join("")}` };
  }
  const objects =
    task.name === "multirc"
      ? nestAnswers(examples, predictions)
      : examples.map(({ id }, i) => ({ idx: Number(id), label: spelt[i] }));
  return { name: `${task.title}.jsonl`, text: objects.map(object => `${JSON.stringify(object)}\n`).join("") };
}

function shorten(split: string): string {
  return split === "matched" ? "-m" : split === "mismatched" ? "-mm" : "";
}

interface Passage {
  readonly idx: number;
  readonly passage: {
    readonly questions: { readonly idx: number; readonly answers: { idx: number; label: number }[] }[];
  };
}

/** The answers of MultiRC, whose ids are "passage-question-answer", under their questions and passages. */
function nestAnswers(examples: readonly Example[], predictions: readonly number[]): Passage[] {
  const passages = new Map<number, Passage>();
  for (const [i, { id }] of examples.entries()) {
    const [passage, question, answer] = id.split("-").map(Number) as [number, number, number];
    const nested = passages.get(passage) ?? { idx: passage, passage: { questions: [] } };
    passages.set(passage, nested);
    const { questions } = nested.passage;
    let asked = questions.find(({ idx }) => idx === question);
    if (asked === undefined) questions.push((asked = { idx: question, answers: [] }));
    asked.answers.push({ idx: answer, label: predictions[i]! });
  }
  return [...passages.values()];
}
