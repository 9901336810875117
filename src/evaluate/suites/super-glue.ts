// SuperGLUE (Wang et al. 2019) with the inputs that the reference gives its model: columns in the order of `texts`. ReCoRD is
// left out, as in the reference: it asks for a span. The diagnostics AX-b and AX-g have no training data, take RTE's, and
// are listed but not averaged. WSC's and MultiRC's own files nest; the Hub's are flat.

import type { Value, Values } from "../../tables/row.ts";
import type { Suite, Task } from "../tasks/task.ts";
import { rte } from "./glue.ts";

const truth = ["False", "True"];

const tasks: readonly Task[] = [
  {
    name: "boolq",
    title: "BoolQ",
    kind: "classification",
    texts: ["question", "passage"],
    label: "label",
    labels: truth,
    metrics: ["accuracy"],
    published: {},
  },
  {
    name: "cb",
    title: "CB",
    kind: "classification",
    texts: ["premise", "hypothesis"],
    label: "label",
    labels: ["entailment", "contradiction", "neutral"],
    metrics: ["macro-f1", "accuracy"],
    published: {},
  },
  {
    name: "copa",
    title: "COPA",
    kind: "classification",
    texts: ["question", "premise", "choice1", "choice2"],
    label: "label",
    labels: ["choice1", "choice2"],
    metrics: ["accuracy"],
    published: {},
  },
  {
    name: "multirc",
    title: "MultiRC",
    kind: "classification",
    texts: ["question", "paragraph", "answer"],
    label: "label",
    labels: truth,
    metrics: ["f1", "group-exact"],
    published: { unfold: unfoldAnswers, group: "group" },
  },
  rte,
  {
    name: "wic",
    title: "WiC",
    kind: "classification",
    texts: ["word", "sentence1", "sentence2"],
    label: "label",
    labels: truth,
    metrics: ["accuracy"],
    published: {},
  },
  {
    name: "wsc",
    title: "WSC",
    kind: "classification",
    texts: ["text", "span1_index", "span2_index", "span1_text", "span2_text"],
    label: "label",
    labels: truth,
    metrics: ["accuracy"],
    published: { folders: ["wsc.fixed"], unfold: values => [{ ...values, ...fieldsOf(values.target) }] },
  },
  {
    name: "axb",
    title: "AX-b",
    kind: "classification",
    texts: ["sentence1", "sentence2"],
    label: "label",
    labels: rte.labels,
    metrics: ["matthews", "accuracy"],
    published: { trainedOn: rte },
  },
  {
    name: "axg",
    title: "AX-g",
    kind: "classification",
    texts: ["premise", "hypothesis"],
    label: "label",
    labels: rte.labels,
    metrics: ["accuracy"],
    published: { trainedOn: rte },
  },
];

export const superGlue: Suite = { name: "superglue", title: "SuperGLUE", tasks, excluded: ["axb", "axg"] };

/** A row an answer, of a passage with questions with answers; its id is "passage-question-answer", its group the question. */
function unfoldAnswers(values: Values): readonly Values[] {
  const { passage, idx } = values;
  if (passage === undefined) {
    const place = fieldsOf(idx);
    return [{ ...values, ...numberAnswer(place.paragraph, place.question, place.answer) }];
  }
  const { text = null, questions } = fieldsOf(passage);
  return listOf(questions).flatMap(question =>
    listOf(question.answers).map(answer => ({
      paragraph: text,
      question: question.question ?? null,
      answer: answer.text ?? null,
      ...(answer.label === undefined ? {} : { label: answer.label }),
      ...numberAnswer(idx, question.idx, answer.idx),
    })),
  );
}

function numberAnswer(passage?: Value, question?: Value, answer?: Value): Values {
  return { idx: `${passage}-${question}-${answer}`, group: `${passage}-${question}` };
}

function fieldsOf(value: Value | undefined): Values {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : {};
}

function listOf(value: Value | undefined): Values[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}
