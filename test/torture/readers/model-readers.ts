// Readers of models: runs of ours, kept models, and what other programs saved.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findKeptModel } from "../../../src/evaluate/storage/find-kept-model.ts";
import type { TrainingEvent } from "../../../src/events/event.ts";
import { fill, pretrain } from "../../../src/library.ts";
import { openForeignModel } from "../../../src/pretrained/foreign/open-foreign-model.ts";
import { openKeptModel } from "../../../src/pretrained/kept-model.ts";
import { openPretrainedModel } from "../../../src/pretrained/pretrained-model.ts";
import type { Form } from "../mutations/mutators.ts";
import type { Reader } from "./reader.ts";

async function readModel(folder: string): Promise<unknown> {
  const { shape, hash, encodeText } = await openPretrainedModel(folder);
  return [shape, hash, Array.from(encodeText("the red fox sleeps."))];
}

/** As `cram fill` and as `cram evaluate` open it. */
async function fillRun(run: string): Promise<unknown> {
  return [await fill(run, ["the red [MASK] sleeps."], { backend: "reference" }), await readModel(run)];
}

/** Trains a stopped run to its end. */
async function resumeRun(run: string): Promise<unknown> {
  const losses: unknown[] = [];
  const note = (event: TrainingEvent) => {
    if (event.kind === "step") losses.push([event.step, event.loss, event.gradientNorm]);
  };
  await pretrain({ resume: run, backend: "reference", onEvent: note });
  return [losses, await readModel(run)];
}

const readShape = (folder: string) => {
  const { shape, parameters } = openForeignModel(folder);
  return [shape, parameters.map(({ name, read }) => [name, read()])];
};

async function readKept(run: string): Promise<unknown> {
  const { folder, result } = findKeptModel(run, undefined);
  const { parameters, reader, probes, shape, classifier, labels } = await openKeptModel(folder);
  const values = parameters.map(({ name, read }) => [name, read()]);
  const { seconds: _, stepSeconds: __, ...training } = result.training;
  return [
    ...[shape, classifier, labels, probes, values, { ...result, training }],
    Array.from(reader.encodeText("the red fox sleeps.")),
  ];
}

type Row = readonly [file: string, form: Form];
const rows = (kind: string, from: string, read: Reader["read"], sealed: boolean, files: readonly Row[]): Reader[] =>
  files.map(([damaged, form]) => ({ name: `${kind} ${damaged.split("/").at(-1)}`, from, damaged, form, sealed, read }));

const checkpoint = (step: number) => `checkpoints/step-${String(step).padStart(8, "0")}`;
const seed = "evaluations/own/own/seed-0";

export const modelReaders: readonly Reader[] = [
  ...rows("run", "run", fillRun, true, [
    ["recipe.json", "json"],
    ["tokenizer.json", "json"],
    [`${checkpoint(6)}/checkpoint.json`, "json"],
    [`${checkpoint(6)}/parameters.safetensors`, "binary"],
  ]),
  ...rows("resumed", "stopped", resumeRun, true, [
    ["recipe.json", "json"],
    [`${checkpoint(3)}/checkpoint.json`, "json"],
    [`${checkpoint(3)}/parameters.safetensors`, "binary"],
    [`${checkpoint(3)}/optimizer.safetensors`, "binary"],
  ]),
  ...rows("resumed", "stopped", resumeRun, true, [["data.json", "json"]]),
  ...rows("resumed", "stopped", resumeRun, false, [["events.jsonl", "lines"]]),
  ...rows("kept", "run", readKept, true, [
    [`${seed}/model/model.json`, "json"],
    [`${seed}/model/parameters.safetensors`, "binary"],
    [`${seed}/model/tokenizer.json`, "json"],
    [`${seed}/model/probes.jsonl`, "lines"],
  ]),
  ...rows("kept", "run", readKept, false, [[`${seed}/result.json`, "json"]]),
  ...rows("exported", "run/export", readModel, true, [
    ["config.json", "json"],
    ["model.safetensors", "binary"],
    ["tokenizer.json", "json"],
    ["cram-export.json", "json"],
  ]),
  ...rows("BERT", "foreign/bert", readModel, false, [
    ["config.json", "json"],
    ["model.safetensors", "binary"],
  ]),
  ...rows("RoBERTa", "foreign/roberta", readShape, false, [["config.json", "json"]]),
  ...rows("ModernBERT", "foreign/modernbert", readShape, false, [["config.json", "json"]]),
  ...rows("reference's", "foreign/crammed-bert", readShape, false, [["model_config.json", "json"]]),
  {
    ...{ name: "text to fill", from: "run", damaged: "fill.txt", form: "text" },
    read: run => fill(run, [readFileSync(join(run, "fill.txt"), "utf8")], { backend: "reference" }),
  },
  ...rows("sharded", "foreign/sharded", readModel, false, [
    ["model.safetensors.index.json", "json"],
    ["model-00001-of-00002.safetensors", "binary"],
  ]),
];
