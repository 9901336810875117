// cram evaluate --keep-models and cram export --task as a person uses them. What an export answers, by Hugging Face's tokenizer for
// scripts, ONNX Runtime and the labels of config.json, is what the evaluation stored as its predictions: classes, pairs, numbers, words.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import { readSafetensors, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { findOnnxRuntime, type OnnxModel } from "../../src/export/onnx/onnx-runtime.ts";
import type { Classified } from "../../src/verbs/model/classify.ts";
import { openModel } from "../../src/verbs/model/open-model.ts";
import { writeTinyRun } from "../tiny-run.ts";
import { startWarmProgram } from "../warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-finetuned-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

const words = ["good", "bad", "film", "plot", "actor", "was", "the"];
const run = join(folder, "run");
const evaluations = join(run, "evaluations/own");

const textOf = (i: number) => `the ${words[2 + (i % 3)]} was ${words[i % 2]}${" the".repeat(i % 5)}`;
const classOf = (i: number) => (i % 2 ? "no" : "yes");
const pairOf = (i: number) => [`the ${words[2 + (i % 3)]} was ${words[i % 2]}`, `the film was ${words[(i >> 1) % 2]}`];
const rows = <Row>(count: number, make: (i: number) => Row) => Array.from({ length: count }, (_, i) => make(i));

/** Writes NAME.tsv to train on and NAME-dev.tsv. */
function writeTable(name: string, head: readonly string[], row: (i: number) => readonly string[]): void {
  const lines = (from: number, count: number) => rows(count, i => row(from + i).join("\t"));
  writeFileSync(join(folder, `${name}.tsv`), `${[head.join("\t"), ...lines(0, 64)].join("\n")}\n`);
  writeFileSync(join(folder, `${name}-dev.tsv`), `${[head.join("\t"), ...lines(64, 30)].join("\n")}\n`);
}

before(async () => {
  await writeTinyRun(run, words);
  writeTable("reviews", ["review", "liked"], i => [textOf(i), classOf(i)]);
  writeTable("pairs", ["a", "b", "ending"], i => [...pairOf(i), (i >> 1) % 2 ? "ends badly" : "ends well"]);
  writeTable("stars", ["review", "stars"], i => [textOf(i), String(i % 2 ? 1.5 : 4.25)]);
  const sentence = (i: number) =>
    textOf(i)
      .split(" ")
      .map(word => `${word} ${["film", "plot", "actor"].includes(word) ? "THING" : "O"}`)
      .join("\n");
  writeFileSync(join(folder, "tags.conll"), `${rows(64, sentence).join("\n\n")}\n`);
  writeFileSync(join(folder, "tags-dev.conll"), `${rows(30, i => sentence(64 + i)).join("\n\n")}\n`);
});

const cram = (...given: string[]) => program.run(...given);

const small = ["--threads", "1", "--set", "maxLength=12", "--set", "precision=f32", "--set", "learningRate=1e-2"];
const bert = ["--set", "head=gelu-norm", "--set", "headWidth=16"];
const tasks = {
  reviews: ["--task", "reviews.tsv", "--text", "review", "--label", "liked", "--validation", "reviews-dev.tsv"],
  pairs: ["--task", "pairs.tsv", "--text", "a", "--text", "b", "--label", "ending", "--validation", "pairs-dev.tsv"],
  stars: ["--task", "stars.tsv", "--text", "review", "--label", "stars", "--validation", "stars-dev.tsv"],
  tags: ["--task", "tags.conll", "--kind", "tokens", "--validation", "tags-dev.conll"],
};

async function evaluate(task: keyof typeof tasks, ...more: string[]): Promise<string> {
  const { status, stdout, stderr } = await cram("evaluate", "run", ...tasks[task], ...small, "--keep-models", ...more);
  assert.equal(status, 0, stderr);
  return stdout;
}

interface Exported {
  readonly out: string;
  readonly seed: number;
  readonly className?: string;
  readonly onnx: readonly { readonly type: string; readonly comparison?: { readonly logits: number } }[];
  readonly notes: readonly string[];
}

async function exportTask(...given: string[]): Promise<Exported> {
  const { status, stdout, stderr } = await cram("export", ...given, "--threads", "1", "--json");
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Exported;
}

const readJson = <T>(...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), "utf8")) as T;

interface Client {
  readonly config: { readonly id2label: Readonly<Record<string, string>>; readonly problem_type?: string };
  readonly tokenizer: Tokenizer;
  /** Logits of one text or pair, a row of them for each output. */
  answer(ids: readonly number[]): Promise<number[][]>;
  close(): Promise<void>;
}

/** The export's folder as a script opens it. */
async function openExport(out: string): Promise<Client> {
  const config = readJson<Client["config"]>(out, "config.json");
  const tokenizer = new Tokenizer(
    readJson<object>(out, "tokenizer.json"),
    readJson<object>(out, "tokenizer_config.json"),
  );
  const runtime = await findOnnxRuntime(1);
  assert.ok(runtime, "onnxruntime-node or onnxruntime-web is missing");
  const model: OnnxModel = await runtime.open(readFileSync(join(folder, out, "onnx/model.onnx")));
  const L = Object.keys(config.id2label).length;
  const answer = async (ids: readonly number[]) => {
    // Padded, as in a batch.
    const tokens = Int32Array.from({ length: 14 }, (_, i) => ids[i] ?? 0);
    const { logits } = await model.run(tokens, Int32Array.of(ids.length));
    return rows(logits.length / L, row => Array.from(logits.subarray(row * L, (row + 1) * L)));
  };
  return { config, tokenizer, answer, close: () => model.close() };
}

interface Prediction {
  readonly predicted: readonly (string | number)[];
  readonly probabilities: readonly number[];
}

const readPredictions = (task: string, seed: number) =>
  readFileSync(join(evaluations, task, `seed-${seed}/predictions.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map(line => JSON.parse(line) as Prediction);

const softmax = (logits: readonly number[]) => {
  const raised = logits.map(value => Math.exp(value));
  const total = raised.reduce((a, b) => a + b);
  return raised.map(value => value / total);
};
const likeliest = (values: readonly number[]) => values.indexOf(Math.max(...values));
const close = (seen: readonly number[], expected: readonly number[]) => {
  assert.equal(seen.length, expected.length);
  // Predictions are stored with six digits.
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(seen[i]! - value) < 2e-5, `${seen[i]} ${value}`);
};

/** Gives the seeds of a task other scores: three finetunings of so few examples may be equally good. */
function writeScores(task: string, scores: readonly number[]): void {
  for (const [seed, accuracy] of scores.entries()) {
    const path = `run/evaluations/own/${task}/seed-${seed}/result.json`;
    // Without the hash, which is of other scores.
    const { hash: _, ...result } = readJson<{ hash: string; splits: { scores: object }[] }>(path);
    result.splits[0]!.scores = { accuracy, "macro-f1": 0.25 };
    writeFileSync(join(folder, path), JSON.stringify(result));
  }
}

for (const [task, settings, types, className] of [
  ["reviews", ["--seeds", "3", "--set", "pooler=lse", "--set", "headWidth=24"], "f32", undefined],
  ["pairs", ["--seeds", "1", ...bert, "--set", "pooler=mean"], "f32,f16,int8", "ModernBertForSequenceClassification"],
] as const) {
  test(`${task}: the labels and probabilities that the evaluation stored`, async () => {
    const stdout = await evaluate(task, ...settings);
    assert.match(stdout, /each finetuned model is kept, \d\.\d MB a seed/);
    assert.equal(/as ONNX alone: .*--set head=gelu-norm --set headWidth=16/.test(stdout), className === undefined);
    if (task === "reviews") writeScores(task, [0.5, 0.9, 0.7]);
    const exported = await exportTask("run", "--task", task, "--types", types, "--license", "mit");
    assert.equal(exported.seed, task === "reviews" ? 1 : 0);
    assert.equal(exported.className, className);
    assert.equal(existsSync(join(folder, exported.out, "model.safetensors")), className !== undefined);
    if (className === undefined) {
      const { status, stderr } = await cram("fill", exported.out, "a [MASK]");
      assert.equal(status, 1);
      assert.match(stderr, /^E_FILE_MISSING .*only an ONNX export/);
    }
    const client = await openExport(exported.out);
    assert.equal(client.config.problem_type, "single_label_classification");
    for (const [i, { predicted, probabilities }] of readPredictions(task, exported.seed).entries()) {
      const [text, pair] = task === "pairs" ? pairOf(64 + i) : [textOf(64 + i)];
      const { ids } = client.tokenizer.encode(text!, pair === undefined ? {} : { text_pair: pair });
      const seen = softmax((await client.answer(ids))[0]!);
      close(seen, probabilities);
      assert.equal(client.config.id2label[likeliest(seen)], predicted[0]);
    }
    await client.close();
  });
}

test("stars: the numbers that the evaluation stored, of a regression", async () => {
  await evaluate("stars", "--seeds", "1", "--set", "pooler=max", "--set", "headWidth=24");
  const { out } = await exportTask("run", "--task", "stars", "--types", "f32");
  const client = await openExport(out);
  assert.deepEqual([client.config.id2label, client.config.problem_type], [{ 0: "stars" }, "regression"]);
  for (const [i, { predicted }] of readPredictions("stars", 0).entries()) {
    close((await client.answer(client.tokenizer.encode(textOf(64 + i)).ids))[0]!, [Number(predicted[0])]);
  }
  await client.close();
});

test("tags: a tag at the first token of each word", async () => {
  await evaluate("tags", "--seeds", "1", ...bert);
  const { out, className } = await exportTask("run", "--task", "tags", "--types", "f32");
  assert.equal(className, "ModernBertForTokenClassification");
  const client = await openExport(out);
  for (const [i, { predicted }] of readPredictions("tags", 0).entries()) {
    const answers = await client.answer(client.tokenizer.encode(textOf(64 + i)).ids);
    // Every word is one token here, after the first one.
    const tags = predicted.map((_, word) => client.config.id2label[likeliest(answers[1 + word]!)]);
    assert.deepEqual(tags, predicted);
  }
  await client.close();
});

test("openModel classifies as the evaluation did: classes, pairs, numbers, words", async () => {
  for (const task of ["reviews", "pairs", "stars", "tags"] as const) {
    const model = await openModel(run, { task, threads: 1 });
    const stored = readPredictions(task, task === "reviews" ? 1 : 0);
    const example = (i: number) =>
      task === "pairs" ? pairOf(64 + i) : task === "tags" ? textOf(64 + i).split(" ") : textOf(64 + i);
    const answers = await model.classify(stored.map((_, i) => example(i)));
    for (const [i, { predicted, probabilities }] of stored.entries()) {
      const answer = answers[i]!;
      if (answer.kind === "regression") close([answer.value], [Number(predicted[0])]);
      else if (answer.kind === "tokens")
        assert.deepEqual(
          answer.words.map(([first]) => first!.label),
          predicted,
        );
      else {
        assert.equal(answer.labels[0]!.label, predicted[0]);
        close(
          model.labels!.map(name => answer.labels.find(({ label }) => label === name)!.probability),
          probabilities,
        );
      }
    }
    // Alone, in another program.
    const [alone] = await model.classify([example(1)]);
    const firstOf = (answer: Classified) => (answer.kind === "classification" ? answer.labels[0]!.probability : 1);
    close([firstOf(alone!)], [firstOf(answers[1]!)]);
    if (task === "pairs") await assert.rejects(model.classify(["one text"]), { code: "E_TEXT_COUNT" });
    // As a program without types may give it.
    await assert.rejects(model.classify("the film" as unknown as readonly string[]), { code: "E_OPTION" });
    await assert.rejects(model.fill(["the [MASK]"]), { code: "E_NO_HEAD" });
    assert.equal((await model.embed(["the film"]))[0]!.length, 16);
    await model.close();
  }
});

/** The part of the client that is used here; test/commands/export-clients.test.ts says why it is no dependency. */
interface ScriptClient {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(
    task: "text-classification",
    model: string,
    options: object,
  ): Promise<(text: string, options: object) => Promise<{ label: string; score: number }[]>>;
}
const clientName = "@huggingface/transformers";
const script = await import(clientName).then(
  loaded => loaded as ScriptClient,
  () => undefined,
);
const skip = script === undefined ? `${clientName} is not installed` : false;

test("reviews in transformers.js: its pipeline gives each label the stored probability", { skip }, async () => {
  const seed = 1;
  const out = "run/evaluations/own/reviews/seed-1/export";
  script!.env.allowRemoteModels = false;
  script!.env.localModelPath = "";
  const classify = await script!.pipeline("text-classification", join(folder, out), { dtype: "fp32" });
  for (const [i, { probabilities }] of readPredictions("reviews", seed).entries()) {
    const answers = await classify(textOf(64 + i), { top_k: 2 });
    const scores = ["no", "yes"].map(name => answers.find(({ label }) => label === name)!.score);
    close(scores, probabilities);
  }
});

test("the best of several seeds was exported, and its card has the others' scores and how it was made", async () => {
  const seed = join(evaluations, "reviews/seed-1");
  const card = readFileSync(join(seed, "export/README.md"), "utf8");
  assert.match(card, /^---\nlicense: mit\nlibrary_name: transformers\.js\npipeline_tag: text-classification\n/);
  assert.ok(card.includes("| accuracy | 90.0 | 70.0 | 50.0 to 90.0 |"), card);
  for (const part of [/median of 3 seeds/, /`no`, `yes`/, /training examples \| 64/, /"epochs": 5/])
    assert.match(card, part);
});

test("a seed's folder names the model itself", async () => {
  const one = await exportTask("run/evaluations/own/pairs/seed-0", "--format", "huggingface", "--out", "one");
  assert.deepEqual([one.seed, one.out, one.onnx.length], [0, "one", 0]);
  assert.deepEqual(
    readFileSync(join(folder, "one/model.safetensors")),
    readFileSync(join(evaluations, "pairs/seed-0/export/model.safetensors")),
  );
});

test("what was not kept, what no class has, and parameters that are not the description's are said", async () => {
  const missing = await cram("export", "run", "--task", "mrpc");
  assert.equal(missing.status, 1);
  assert.match(
    missing.stderr,
    /E_KEPT_MODEL run: no finetuned model of "mrpc" .* there is pairs, reviews, stars, tags\n.*--keep-models/,
  );
  const stars = "run/evaluations/own/stars/seed-0";
  const refused = await cram("export", stars, "--format", "huggingface");
  assert.match(refused.stderr, /E_EXPORT_FORMAT .*--set head=gelu-norm --set headWidth=16 --set pooler=cls/);
  const probes = join(folder, stars, "model/probes.jsonl");
  const examples = readFileSync(probes, "utf8");
  writeFileSync(probes, examples.slice(0, -10));
  assert.match((await cram("export", stars)).stderr, /E_KEPT_MODEL .*probes\.jsonl: changed after it was written/);
  // One of the first version has no hashes: what is wrong is said all the same.
  const description = join(folder, stars, "model/model.json");
  const { files: _, hash: __, ...described } = JSON.parse(readFileSync(description, "utf8"));
  writeFileSync(description, JSON.stringify({ ...described, version: 1 }));
  assert.match((await cram("export", stars)).stderr, /E_KEPT_MODEL .*probes\.jsonl:\d+: not a validation example/);
  writeFileSync(probes, examples);
  const file = join(folder, stars, "model/parameters.safetensors");
  const kept = [...readSafetensors(file).values()].map(tensor => ({ ...tensor, values: tensor.read() }));
  writeSafetensors(
    file,
    kept.slice(1).map(({ name, shape, values }) => ({ name, shape, read: () => values })),
  );
  assert.match((await cram("export", stars)).stderr, /E_CHECKPOINT_TENSOR .*embedding\.word is missing/);
  writeFileSync(description, "{}");
  assert.match((await cram("export", stars)).stderr, /E_KEPT_MODEL .*model\.json: version/);
  assert.equal((await exportTask("run", "--task", "tags", "--format", "huggingface")).seed, 0);
});
