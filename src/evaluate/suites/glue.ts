// GLUE (Wang et al. 2018), as the cramming paper scores it: on the validation sets, F1 for MRPC and QQP, Pearson's correlation
// for STS-B, Matthews' for CoLA, MNLI once for each of its two sets, and WNLI left out of the average. Columns and labels are
// called as on the Hugging Face Hub; `columns` has the names in GLUE's own .tsv files.

import type { Suite, Task } from "../tasks/task.ts";

const entailment = ["entailment", "not_entailment"];

/** GLUE's RTE, and SuperGLUE's, which is the same with other names. */
export const rte: Task = {
  name: "rte",
  title: "RTE",
  kind: "classification",
  texts: ["premise", "hypothesis"],
  label: "label",
  labels: entailment,
  metrics: ["accuracy"],
  published: { columns: { premise: ["sentence1"], hypothesis: ["sentence2"] } },
};

const tasks: readonly Task[] = [
  {
    name: "cola",
    title: "CoLA",
    kind: "classification",
    texts: ["sentence"],
    label: "label",
    labels: ["unacceptable", "acceptable"],
    metrics: ["matthews", "accuracy"],
    published: { headerless: ["source", "label", "star", "sentence"] },
  },
  {
    name: "sst2",
    title: "SST-2",
    kind: "classification",
    texts: ["sentence"],
    label: "label",
    labels: ["negative", "positive"],
    metrics: ["accuracy"],
    published: {},
  },
  {
    name: "mrpc",
    title: "MRPC",
    kind: "classification",
    texts: ["sentence1", "sentence2"],
    label: "label",
    labels: ["not_equivalent", "equivalent"],
    metrics: ["f1", "accuracy"],
    published: { columns: { sentence1: ["#1 String"], sentence2: ["#2 String"], label: ["Quality"] } },
  },
  {
    name: "stsb",
    title: "STS-B",
    kind: "regression",
    texts: ["sentence1", "sentence2"],
    label: "label",
    labels: [],
    metrics: ["pearson", "spearman"],
    published: { columns: { label: ["score"] }, range: [0, 5] },
  },
  {
    name: "qqp",
    title: "QQP",
    kind: "classification",
    texts: ["question1", "question2"],
    label: "label",
    labels: ["not_duplicate", "duplicate"],
    metrics: ["f1", "accuracy"],
    published: { columns: { label: ["is_duplicate"] }, brokenLines: true },
  },
  {
    name: "mnli",
    title: "MNLI",
    kind: "classification",
    texts: ["premise", "hypothesis"],
    label: "label",
    labels: ["entailment", "neutral", "contradiction"],
    metrics: ["accuracy"],
    published: {
      columns: { premise: ["sentence1"], hypothesis: ["sentence2"], label: ["gold_label"] },
      splits: ["matched", "mismatched"],
    },
  },
  {
    name: "qnli",
    title: "QNLI",
    kind: "classification",
    texts: ["question", "sentence"],
    label: "label",
    labels: entailment,
    metrics: ["accuracy"],
    published: {},
  },
  rte,
  {
    name: "wnli",
    title: "WNLI",
    kind: "classification",
    texts: ["sentence1", "sentence2"],
    label: "label",
    labels: ["not_entailment", "entailment"],
    metrics: ["accuracy"],
    published: {},
  },
];

export const glue: Suite = { name: "glue", title: "GLUE", tasks, excluded: ["wnli"] };
