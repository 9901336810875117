// One of everything that cram writes or reads, whole and small: what the campaign damages, copies and interrupts.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { glue } from "../../../recipes/glue.ts";
import { fill, prepare, pretrain } from "../../../src/library.ts";
import { exportRun } from "../../../src/verbs/export/export-run.ts";
import { succeed } from "../program.ts";

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../../test/golden/expected/${name}.json`, import.meta.url), "utf8")) as T;

const pairs = ["red fox", "grey wolf", "brown bear", "green frog"];
const sentences = Array.from({ length: 60 }, (_, i) => `the ${pairs[i % pairs.length]} sleeps in its den number ${i}.`);

export const dataOptions = ["--vocabulary", "96", "--sequence-length", "16", "--hold-out", "0.2"];

/** A model of a few thousand parameters, and four sequences a step. */
export const recipeSettings = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=96"],
  ...["model.sequenceLength=16", "train.microBatchSequences=4", "schedule.batchSequences=4", "train.validations=2"],
  ...["data.validationSequences=8", "train.precision=f32"],
];
export const recipeOptions = ["--recipe", "quickstart", ...recipeSettings.flatMap(text => ["--set", text])];

/** A finetuning of some seconds at most. */
export const taskOptions = [
  ...["--task", "tasks/own.csv", "--text", "text", "--label", "label", "--keep-models"],
  ...["--set", "epochs=1", "--set", "batchSequences=8", "--set", "headWidth=16", "--set", "maxLength=16"],
];

/** Texts in every format, for prepare. */
function writeTexts(folder: string): void {
  mkdirSync(folder);
  const lines = sentences.map(text => `${JSON.stringify({ text })}\n`).join("");
  const table = (separator: string) =>
    [`text${separator}id`, ...sentences.map((text, i) => `${text}${separator}${i}`)].join("\n");
  const binary = golden<Record<string, string>>("torture");
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "text.txt": sentences.join("\n"),
    "text.md": `# A den\n\n${sentences.join("\n\n")}\n`,
    "text.html": `<html><head><title>Dens</title></head><body>${sentences.map(text => `<p>${text}</p>`).join("\n")}</body></html>`,
    "text.jsonl": lines,
    "text.jsonl.gz": gzipSync(lines),
    "text.json": JSON.stringify(sentences.map(text => ({ text }))),
    "text.csv": table(","),
    "text.tsv": table("\t"),
    "text.jsonl.zst": Buffer.from(binary["jsonl.zst"]!, "base64"),
    "text.parquet": Buffer.from(binary["v2.parquet"]!, "base64"),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

/** Labelled texts in every format, for evaluate. */
function writeTasks(folder: string): void {
  mkdirSync(folder);
  const label = (i: number) => i % 2;
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  };
  const csv = ["text,label", ...sentences.map((text, i) => `"${text}",${label(i)}`)].join("\n");
  write("own.csv", csv);
  write("own.csv.gz", gzipSync(csv));
  write("own.tsv", ["text\tlabel", ...sentences.map((text, i) => `${text}\t${label(i)}`)].join("\n"));
  write("own.jsonl", sentences.map((text, i) => `${JSON.stringify({ text, label: label(i) })}\n`).join(""));
  const tags: Readonly<Record<string, string>> = { red: "B-COLOUR", grey: "B-COLOUR", fox: "B-ANIMAL" };
  const tagged = sentences.map(text => text.split(/ |(?=\.)/).map(word => [word, tags[word] ?? "O"] as const));
  write("own.conll", tagged.map(words => words.map(each => `${each.join(" ")}\n`).join("")).join("\n"));
  const row = ([word, tag]: readonly [string, string], i: number) =>
    `${i + 1}\t${word}\t${word}\t${tag}\t_\t_\t0\troot\t_\t_\n`;
  write("own.conllu", tagged.map((words, i) => `# sent_id = ${i}\n${words.map(row).join("")}\n`).join(""));
  const binary = golden<Record<string, string>>("torture");
  for (const name of ["snappy", "v2", "delta"]) {
    write(`${name}.parquet`, Buffer.from(binary[`${name}.parquet`]!, "base64"));
  }
  const cola = sentences.slice(0, 20).map((text, i) => `gj04\t${label(i)}\t\t${text}\n`);
  for (const split of ["train", "dev"]) write(`glue/CoLA/${split}.tsv`, cola.join(""));
  const boolq = sentences
    .slice(0, 20)
    .map((passage, i) => ({ question: "a fox?", passage, label: i % 2 === 0, idx: i }));
  for (const split of ["train", "val"]) {
    write(`superglue/BoolQ/${split}.jsonl`, boolq.map(row => `${JSON.stringify(row)}\n`).join(""));
  }
  const blimp = sentences.slice(0, 20).map(text => ({
    ...{
      sentence_good: text,
      sentence_bad: text.replace("sleeps", "sleep"),
      UID: "agreement",
      linguistics_term: "verbs",
    },
  }));
  write("blimp/agreement.jsonl", blimp.map(row => `${JSON.stringify(row)}\n`).join(""));
}

/** Models that other programs saved. */
function writeForeignModels(folder: string): void {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const vocabulary = [...special, ..."abcdefghijklmnopqrstuvwxyz", "the", "fox", "##es", "##s", "red", "den"];
  const bert = golden<{ config: object; tensors: string }>("foreign-bert");
  const tensors = Buffer.from(bert.tensors, "base64");
  const write = (model: string, name: string, content: string | Uint8Array) => {
    mkdirSync(join(folder, model), { recursive: true });
    writeFileSync(join(folder, model, name), content);
  };
  for (const model of ["bert", "sharded"]) {
    write(model, "config.json", JSON.stringify(bert.config));
    write(model, "vocab.txt", `${vocabulary.join("\n")}\n`);
    write(model, "tokenizer_config.json", JSON.stringify({ do_lower_case: true, model_max_length: 512 }));
  }
  write("bert", "model.safetensors", tensors);
  for (const [name, bytes] of splitTensors(tensors)) write("sharded", name, bytes);
  for (const name of ["roberta", "modernbert", "crammed-bert"]) {
    const { config, tensors } = golden<{ config: object; tensors: string }>(`foreign-${name}`);
    write(name, name === "crammed-bert" ? "model_config.json" : "config.json", JSON.stringify(config));
    write(name, "model.safetensors", Buffer.from(tensors, "base64"));
  }
  const { bpe } = golden<{ bpe: { tokenizer: object } }>("foreign-tokenizers");
  write("bpe", "tokenizer.json", JSON.stringify(bpe.tokenizer));
}

/** As save_pretrained cuts a large model: files and the index that names the file of each tensor. */
function splitTensors(whole: Buffer): [name: string, bytes: Uint8Array][] {
  const bodyStart = 8 + Number(whole.readBigUInt64LE());
  type Entry = { readonly dtype: string; readonly shape: number[]; readonly data_offsets: [number, number] };
  const header = JSON.parse(whole.toString("utf8", 8, bodyStart)) as Record<string, Entry>;
  const names = Object.keys(header).filter(name => name !== "__metadata__");
  const half = names.length >> 1;
  const parts = [names.slice(0, half), names.slice(half)];
  const nameOf = (part: number) => `model-0000${part + 1}-of-00002.safetensors`;
  const files = parts.map((part, i): [string, Uint8Array] => {
    let offset = 0;
    const entries: Record<string, Entry> = {};
    const bodies = part.map(name => {
      const [start, end] = header[name]!.data_offsets;
      entries[name] = { ...header[name]!, data_offsets: [offset, (offset += end - start)] };
      return whole.subarray(bodyStart + start, bodyStart + end);
    });
    const text = Buffer.from(JSON.stringify(entries).padEnd(8 * Math.ceil(JSON.stringify(entries).length / 8)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return [nameOf(i), Buffer.concat([length, text, ...bodies])];
  });
  const weights = Object.fromEntries(parts.flatMap((part, i) => part.map(name => [name, nameOf(i)])));
  return [
    ...files,
    ["model.safetensors.index.json", Buffer.from(JSON.stringify({ metadata: {}, weight_map: weights }))],
  ];
}

/** The name that Git gives a file. */
function nameBlob(text: string): string {
  return createHash("sha1").update(`blob ${text.length}\0${text}`).digest("hex");
}

const strings: Readonly<Record<string, string>> = {
  "budget.txt": "300steps",
  "set.txt": "model.width=16",
  "set-finetune.txt": "learningRate=0.001",
  "finetune.json": JSON.stringify(glue),
  "empty.json": "[]",
  "tree.json": JSON.stringify([
    { type: "file", oid: nameBlob("a file"), size: 6, path: "body.txt" },
    { type: "directory", oid: "1", size: 0, path: "onnx" },
  ]),
  "body.txt": "a file",
  "link.txt": '</api/models/a/b/tree/main?cursor=2>; rel="next"',
  ".cram-lock": JSON.stringify({
    ...{ pid: 999_999_999, host: hostname(), processes: "", boot: "", processStart: "1" },
    ...{ verb: "pretrain", since: "2025-01-01T00:00:00.000Z", id: "a holder that is gone" },
  }),
  "mlflow.json": JSON.stringify({
    ...{ uri: "http://127.0.0.1:1", experiment: "7", runId: "abc", beganAt: 0, sentStep: 2, sentValidation: 0 },
  }),
  "experiment.json": JSON.stringify({ experiment: { experiment_id: "7", name: "cramming" } }),
  "created.json": JSON.stringify({ run: { info: { run_id: "abc" } } }),
  "refusal.json": JSON.stringify({ error_code: "RESOURCE_DOES_NOT_EXIST", message: "no such experiment" }),
};

/**
 * Writes everything below `folder`: texts/, tasks/, foreign/, strings/, data/ (a dataset), run/ (finished, filled, evaluated,
 * exported) and stopped/ (a run that was interrupted half-way).
 */
export async function makeGoodFiles(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeTexts(join(folder, "texts"));
  writeTasks(join(folder, "tasks"));
  writeForeignModels(join(folder, "foreign"));
  mkdirSync(join(folder, "strings"));
  for (const [name, text] of Object.entries(strings)) writeFileSync(join(folder, "strings", name), text);
  const here = { cwd: folder };
  const reference = ["--backend", "reference"];
  const data = join(folder, "data");
  const texts = [join(folder, "texts/text.jsonl")];
  await prepare({ texts, out: data, vocabulary: 96, sequenceLength: 16, holdOut: 0.2 });
  const budget = { data, recipe: "quickstart", set: recipeSettings, budget: "6steps", backend: "reference" } as const;
  await pretrain({ ...budget, out: join(folder, "run") });
  const interrupt = new AbortController();
  await pretrain({
    ...budget,
    out: join(folder, "stopped"),
    signal: interrupt.signal,
    onEvent: event => event.kind === "step" && event.step === 3 && interrupt.abort(),
  });
  const filled = await fill(join(folder, "run"), ["the red [MASK] sleeps."], { backend: "reference" });
  writeFileSync(join(folder, "run/fills.jsonl"), filled.map(text => `${JSON.stringify(text)}\n`).join(""));
  writeFileSync(join(folder, "run/fill.txt"), "the red [MASK] sleeps.");
  await succeed(["evaluate", "run", ...taskOptions, "--seeds", "1", ...reference], here);
  await exportRun(join(folder, "run"), { formats: ["huggingface"], backend: "reference" });
}
