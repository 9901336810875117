// What the servers take, by their instructions: gluebenchmark.com/faq and super.gluebenchmark.com/faq.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findSuite, selectTasks } from "../suites/suites.ts";
import { formatSubmission } from "./submission.ts";

function format(
  suite: string,
  name: string,
  predictions: readonly number[],
  options: { split?: string; ids?: string[] } = {},
) {
  const [task] = selectTasks(findSuite(suite), [name]);
  const ids = options.ids ?? predictions.map((_, i) => String(i));
  const examples = ids.map(id => ({ id, texts: [], targets: [], origin: "" }));
  const file = formatSubmission(suite, task!, options.split ?? "test", examples, predictions);
  return file && [file.name, file.text];
}

test("GLUE: index and prediction, named or numbered as each task wants", () => {
  assert.deepEqual(format("glue", "cola", [0, 1]), ["CoLA.tsv", "index\tprediction\n0\t0\n1\t1\n"]);
  assert.deepEqual(format("glue", "rte", [1, 0], { ids: ["7", "9"] }), [
    "RTE.tsv",
    "index\tprediction\n7\tnot_entailment\n9\tentailment\n",
  ]);
  assert.deepEqual(format("glue", "mnli", [2], { split: "matched" }), [
    "MNLI-m.tsv",
    "index\tprediction\n0\tcontradiction\n",
  ]);
  assert.deepEqual(format("glue", "mnli", [1], { split: "mismatched" })![0], "MNLI-mm.tsv");
  assert.deepEqual(format("glue", "stsb", [-0.2, 2.71449, 5.4]), [
    "STS-B.tsv",
    "index\tprediction\n0\t0.000\n1\t2.714\n2\t5.000\n",
  ]);
  const names = selectTasks(findSuite("glue")).map(({ name }) => format("glue", name, [0])![0]);
  assert.deepEqual(names.join(" "), "CoLA.tsv SST-2.tsv MRPC.tsv STS-B.tsv QQP.tsv MNLI.tsv QNLI.tsv RTE.tsv WNLI.tsv");
});

test("SuperGLUE: an object a line", () => {
  assert.deepEqual(format("superglue", "boolq", [1]), ["BoolQ.jsonl", '{"idx":0,"label":"true"}\n']);
  assert.deepEqual(format("superglue", "wsc", [0])![1], '{"idx":0,"label":"False"}\n');
  assert.deepEqual(format("superglue", "copa", [1], { ids: ["5"] })![1], '{"idx":5,"label":1}\n');
  assert.deepEqual(format("superglue", "axb", [1]), ["AX-b.jsonl", '{"idx":0,"label":"not_entailment"}\n']);
  const multirc = format("superglue", "multirc", [1, 0, 1, 0], { ids: ["2-7-20", "2-7-21", "2-8-22", "3-9-23"] });
  assert.deepEqual(multirc, [
    "MultiRC.jsonl",
    '{"idx":2,"passage":{"questions":[{"idx":7,"answers":[{"idx":20,"label":1},{"idx":21,"label":0}]},' +
      '{"idx":8,"answers":[{"idx":22,"label":1}]}]}}\n' +
      '{"idx":3,"passage":{"questions":[{"idx":9,"answers":[{"idx":23,"label":0}]}]}}\n',
  ]);
});

test("no server takes SWAG, and every example needs a prediction", () => {
  assert.equal(format("swag", "swag", [0]), undefined);
  assert.throws(() => format("glue", "cola", [0], { ids: ["0", "1"] }), /1 predictions of 2 examples/);
});
