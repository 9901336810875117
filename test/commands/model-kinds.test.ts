// Every verb that takes a model, with every kind of folder that a model lies in: it does its work, or says by its code what the kind
// lacks. Tiny models, through the functions that the verbs call.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { evaluate, openEvaluation } from "../../src/verbs/evaluate/evaluate.ts";
import { exportModel } from "../../src/verbs/export/export-model.ts";
import { push } from "../../src/verbs/hub.ts";
import { embed } from "../../src/verbs/model/embed.ts";
import { fill } from "../../src/verbs/model/fill.ts";
import { openModel } from "../../src/verbs/model/open-model.ts";
import { openTokenizer } from "../../src/verbs/prepare/open-tokenizer.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { withRun } from "../../src/verbs/pretrain/open-run.ts";
import { planNewRun } from "../../src/verbs/pretrain/run-plan.ts";
import { report } from "../../src/verbs/report/report.ts";
import { writeTinyRun } from "../tiny-run.ts";

const root = mkdtempSync(join(tmpdir(), "cram-kinds-"));
after(() => rmSync(root, { recursive: true }));
delete process.env.HF_TOKEN;

const words = ["good", "bad", "film", "plot", "was", "the"];
const inRoot = (name: string) => join(root, name);
let made = 0;
const newPath = () => inRoot(`made-${made++}`);
const write = (name: string, lines: readonly string[]) => writeFileSync(inRoot(name), `${lines.join("\n")}\n`);
const sentence = (i: number) => `the ${words[2 + (i % 2)]} was ${words[i % 2]}`;

write("reviews.csv", [
  "review,liked",
  ...Array.from({ length: 18 }, (_, i) => `${sentence(i)},${i % 2 ? "no" : "yes"}`),
]);
write(
  "text.txt",
  Array.from({ length: 60 }, (_, i) => `${sentence(i)} ${sentence(i + 1)} ${sentence(i >> 1)}\n`),
);

const choice = { backend: "reference" } as const;
const own = { ...choice, task: inRoot("reviews.csv"), text: ["review"], label: "liked", seeds: 1 };
const short = ["maxLength=8", "epochs=1", "batchSequences=8", "headWidth=16", "head=gelu-norm", "precision=f32"];
const forHub = { ...choice, formats: ["huggingface"] } as const;

const run = inRoot("run");
await writeTinyRun(run, words, [
  "train.microBatchSequences=2",
  "schedule.batchSequences=2",
  "train.precision=f32",
  "train.validations=1",
  "data.validationSequences=2",
]);
await writeTinyRun(inRoot("electra"), words, ["objective.name=electra"]);
const events = [
  { kind: "start", step: 0, device: "x", parameters: 1, warmupSeconds: 0, elapsedSeconds: 0, unigramEntropy: 2 },
  { kind: "end", step: 10, elapsedSeconds: 1, tokens: 160, reason: "budget" },
];
write(
  "run/events.jsonl",
  events.map(each => JSON.stringify(each)),
);
await evaluate(run, { ...own, set: short, keepModels: true });
const seed = "run/evaluations/own/reviews/seed-0";
await exportModel(run, forHub);
await exportModel(run, { ...choice, out: inRoot("onnx"), formats: ["onnx"], types: ["f32"] });
await exportModel(inRoot(seed), { ...forHub, out: inRoot("classifier") });

/** A model of another program's, with the run's tokenizer and these of its tensors. */
function writeForeign(
  name: string,
  golden: string,
  choose: (tensors: readonly StoredTensor[]) => StoredTensor[],
): void {
  const { config, tensors } = JSON.parse(
    readFileSync(new URL(`../../../test/golden/expected/${golden}.json`, import.meta.url), "utf8"),
  ) as { readonly config: unknown; readonly tensors: string };
  mkdirSync(inRoot(name));
  write(`${name}/${name === "reference" ? "model_config" : "config"}.json`, [JSON.stringify(config)]);
  cpSync(join(run, "tokenizer.json"), inRoot(`${name}/tokenizer.json`));
  const file = inRoot(`${name}/model.safetensors`);
  writeFileSync(file, Buffer.from(tensors, "base64"));
  const read = [...readSafetensors(file).values()].map(tensor => ({ ...tensor, values: tensor.read() }));
  writeSafetensors(file, choose(read.map(({ values, ...tensor }) => ({ ...tensor, read: () => values }))));
}
const encoderOf = (tensors: readonly StoredTensor[]) => tensors.filter(({ name }) => name.startsWith("bert."));
const head = (name: string): StoredTensor => ({ name, shape: [2], read: () => new Float32Array(2) });
writeForeign("bert", "foreign-bert", tensors => [...tensors]);
writeForeign("bert encoder", "foreign-bert", encoderOf);
writeForeign("bert classifier", "foreign-bert", tensors => [...encoderOf(tensors), head("classifier.bias")]);
writeForeign("bert answers", "foreign-bert", tensors => [...encoderOf(tensors), head("qa_outputs.bias")]);
writeForeign("reference", "foreign-crammed-bert", tensors => [...tensors]);
mkdirSync(inRoot("gpt"));
write("gpt/config.json", ['{"model_type": "gpt2"}']);

const data = inRoot("data");
await prepare({
  texts: [inRoot("text.txt")],
  out: data,
  tokenizer: run,
  sequenceLength: 16,
  holdOut: 0.3,
  documentSeparator: "blank-line",
  threads: 1,
});
const recipe = join(run, "recipe.json");

async function use<T>(folder: string, work: (model: Awaited<ReturnType<typeof openModel>>) => Promise<T>): Promise<T> {
  const model = await openModel(folder, choice);
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}

const verbs: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
  fill: folder => fill(folder, ["the <mask>"], choice),
  embed: folder => embed(folder, ["the film"], choice),
  // As --suite blimp does.
  score: folder => use(folder, model => model.score(["film"])),
  classify: folder => use(folder, model => model.classify(["the film"])),
  // Finetuning itself asks no more what kind it is, and neither does a training.
  evaluate: folder => openEvaluation(folder, { ...own, set: short, out: newPath() }),
  export: folder => exportModel(folder, { ...forHub, out: newPath() }),
  "export --task": folder => exportModel(folder, { ...forHub, task: "reviews", out: newPath() }),
  // Without a token a hub is not asked: what was found would be sent.
  push: folder => push(folder, "me/mine", {}),
  "prepare --tokenizer": folder => openTokenizer(folder),
  "pretrain --init-from": folder => {
    const plan = planNewRun({ data, out: newPath(), recipe, initFrom: folder, budget: "1steps" });
    return withRun(plan, choice, async () => {});
  },
  report: folder => report([folder], { out: `${newPath()}.html` }),
};

/** What a verb has in a row of the table where it does its work. */
const does = "done";
const noTokens = { fill: "E_NO_HEAD", score: "E_NO_HEAD" };
const noClasses = { classify: "E_NO_CLASSIFIER", "export --task": "E_KEPT_MODEL" };
const noRun = { report: "E_FILE_MISSING" };
/** There is something to send. */
const sends = { push: "E_HUB_TOKEN" };
const noExport = { push: "E_FILE_MISSING" };
/** Hugging Face has no class for it; ONNX has all. */
const noClass = { export: "E_EXPORT_FORMAT" };
/** Its parameters fit another shape, which the error says how to set. */
const otherShape = { "pretrain --init-from": "E_INIT_SHAPE" };
/** What no verb can read: each says so by this code. */
const nothing = (code: string) => ({
  ...Object.fromEntries(Object.keys(verbs).map(verb => [verb, code])),
  ...{ "export --task": "E_KEPT_MODEL", report: "E_FILE_MISSING" },
});

/** By kind, what the folder cannot serve, and the code of the error that says so; every other verb does its work. */
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: { classify: "E_NO_CLASSIFIER", ...sends },
  "run/checkpoints/step-00000010": { classify: "E_NO_CLASSIFIER", ...sends },
  electra: { ...noTokens, ...noClasses, ...noExport, ...noRun },
  [seed]: { ...noTokens, ...noExport, ...noRun },
  [`${seed}/model`]: { ...noTokens, ...noExport, ...noRun },
  "run/export": { ...noClasses, ...sends, ...noRun },
  onnx: { ...nothing("E_FILE_MISSING"), "prepare --tokenizer": does, ...sends },
  classifier: { ...noTokens, ...noClasses, ...sends, ...noRun },
  bert: { ...noClasses, ...sends, ...otherShape, ...noRun },
  "bert encoder": { ...noTokens, ...noClasses, ...sends, ...otherShape, ...noRun },
  "bert classifier": { ...noTokens, ...noClasses, ...sends, ...otherShape, ...noRun },
  "bert answers": { ...noTokens, ...noClasses, ...sends, ...otherShape, ...noRun },
  reference: { ...noClasses, ...noClass, ...noExport, ...otherShape, ...noRun },
  gpt: { ...nothing("E_FOREIGN_CONFIG"), "prepare --tokenizer": "E_FILE_MISSING", ...sends },
  absent: nothing("E_FILE_MISSING"),
};

for (const [kind, lacking] of Object.entries(table)) {
  test(`${kind}: every verb does its work, or says what is lacking`, async () => {
    for (const [verb, work] of Object.entries(verbs)) {
      const seen = await work(inRoot(kind)).then(
        () => does,
        (error: Error) => (error instanceof UserError ? error.code : `${error.stack}`),
      );
      assert.equal(seen, lacking[verb] ?? does, verb);
    }
  });
}
