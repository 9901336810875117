// A finetuned model that `cram evaluate --keep-models` stored as a folder that other programs classify with. What was written is
// loaded again and compared with the model on validation texts; where a file differs, nothing is exported.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { mostBytes, readWholeFile, writeFileAtomically } from "../../base/files/files.ts";
import { writeSafetensors } from "../../checkpoint/safetensors.ts";
import { encodeExamples } from "../../evaluate/finetuning/encode-examples.ts";
import { type FoundModel, findKeptModel } from "../../evaluate/storage/find-kept-model.ts";
import { formatClassifierCard } from "../../export/classifier-card.ts";
import { type ClassifierComparison, compareClassifiers, type EncodedProbe } from "../../export/compare-classifier.ts";
import {
  acceptFiles,
  checkClassifierComparison,
  type OnnxFile,
  replaceExport,
  withOnnxFiles,
  writeOnnxFiles,
} from "../../export/exported-files.ts";
import {
  type ClassifierExport,
  describeLabels,
  exportClassifier,
} from "../../export/hugging-face/classifier-export.ts";
import { findOnnxRuntime } from "../../export/onnx/onnx-runtime.ts";
import { writeTokenizerSettings } from "../../export/tokenizer-files.ts";
import { type KeptModel, openKeptModel } from "../../pretrained/kept-model.ts";
import { withBackend } from "../backend.ts";
import { createProgress, describeProgress } from "../prepare/stages/progress.ts";
import {
  describeForScript,
  type ExportOptions,
  exportFormats,
  findDifferingParameter,
  onnxTypeNames,
  refuseSafetensors,
} from "./export-run.ts";

export interface FinetunedExportOptions extends ExportOptions {
  /** The task's name; not needed with the folder of a seed. */
  readonly task?: string | undefined;
}

export interface FinetunedExport {
  readonly out: string;
  readonly task: string;
  readonly kind: KeptModel["classifier"]["kind"];
  /** Texts of an example. */
  readonly texts: number;
  readonly seed: number;
  /** Hugging Face's class that opens the folder; undefined where none can. */
  readonly className: string | undefined;
  readonly onnx: readonly OnnxFile<ClassifierComparison>[];
  /** Validation examples that ONNX files were compared on. */
  readonly probes: number;
  /** What they were compared in; undefined where none is installed. */
  readonly runtime: string | undefined;
  /** What a person should know, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Writes the best kept seed of a task, found in the folder of a run or of its evaluations; or the one whose folder is given.
 *
 * Errors are `UserError`s, among them E_KEPT_MODEL where no such model was kept, E_EXPORT_FORMAT where Hugging Face was asked for and
 * has no class for the model, and E_EXPORT_MISMATCH where a file does not compute what the model does.
 */
export async function exportFinetuned(folder: string, options: FinetunedExportOptions = {}): Promise<FinetunedExport> {
  const found = findKeptModel(folder, options.task);
  const model = await openKeptModel(found.folder);
  const out = options.out ?? join(found.folder, "export");
  const exported = await replaceExport(out, draft => exportModel(found, model, { ...options, out: draft }));
  return { ...exported, out };
}

async function exportModel(
  found: FoundModel,
  model: KeptModel,
  options: FinetunedExportOptions & { readonly out: string },
): Promise<Omit<FinetunedExport, "out">> {
  const { out, formats, license, onProgress = () => {} } = options;
  const { shape, classifier, reader, maxLength } = model;
  const separator = reader.tokenOf(reader.specials.separator)!;
  const forHub = exportClassifier(model, reader.specials);
  const obstacle = "obstacle" in forHub ? forHub.obstacle : undefined;
  if (obstacle !== undefined && formats?.includes("huggingface")) {
    throw new UserError(
      "E_EXPORT_FORMAT",
      `${found.folder}: ${obstacle}`,
      "Export it with --format onnx, which expresses all.",
    );
  }
  const wanted = (formats ?? exportFormats).filter(format => format === "onnx" || obstacle === undefined);
  const config = "obstacle" in forHub ? describeFinetunedForScript(model) : forHub.config;
  writeFileAtomically(join(out, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
  const tokenizer = readWholeFile(join(found.folder, "model/tokenizer.json"), "tokenizer", mostBytes.ofTokenizer);
  writeFileAtomically(join(out, "tokenizer.json"), tokenizer);
  const inText = { split_special_tokens: reader.specialTokensInText === "as-text" };
  writeTokenizerSettings(out, reader, inText, maxLength, shape.segments);
  const notes: string[] = [];
  let className: string | undefined;
  if (!("obstacle" in forHub) && wanted.includes("huggingface")) {
    onProgress("writing model.safetensors");
    writeForHub(join(out, "model.safetensors"), forHub, model);
    className = forHub.className;
    notes.push(...forHub.notes);
  } else if (obstacle !== undefined) notes.push(`there is no model.safetensors: ${obstacle}`);
  const probes = encodeProbes(model);
  const compared = wanted.includes("onnx")
    ? await exportOnnx(out, model, probes, options)
    : { onnx: [], runtime: undefined };
  if (compared.onnx.length > 0 && compared.runtime === undefined) {
    notes.push(
      "the ONNX files were not compared with the model: npm install onnxruntime-node, or onnxruntime-web, " +
        "where cramming is installed, and export again",
    );
  }
  if (model.texts.length > 2) {
    notes.push(
      `an example is ${model.texts.length} texts, ${model.texts.join(", ")}; to a tokenizer of one text give them with ` +
        `${separator} between them`,
    );
  }
  if (reader.specialTokensInText === "as-text") {
    notes.push(
      `a special token that an example spells out, as ${separator}, was text in finetuning: Python's transformers reads it so by ` +
        "split_special_tokens in tokenizer_config.json; @huggingface/transformers in JavaScript takes it for the token",
    );
  }
  const exported = { className, notes, probes: probes.length, ...compared };
  const { result, seeds } = found;
  const facts = {
    ...model,
    kind: classifier.kind,
    separator,
    result,
    seeds,
  };
  const name = `${result.model}-${model.task}`;
  writeFileAtomically(join(out, "README.md"), formatClassifierCard({ name, license, facts, ...exported }));
  const { task, seed } = model;
  return { task, kind: classifier.kind, texts: model.texts.length, seed, ...exported };
}

function encodeProbes({ probes, classifier, shape, reader, maxLength, longTexts, task }: KeptModel): EncodedProbe[] {
  const examples = probes.map((texts, i) => ({ id: String(i), texts, targets: [], origin: `probe ${i}` }));
  return [
    ...encodeExamples(examples, classifier.kind, { name: task, shape, ...reader }, { maxLength, longTexts }).examples,
  ];
}

/** As config.json of a folder of ONNX alone. */
function describeFinetunedForScript(model: KeptModel): Readonly<Record<string, unknown>> {
  return { ...describeForScript(model.shape, model.reader.specials.pad), ...describeLabels(model) };
}

/** Writes model.safetensors and reads it again by the same names. */
function writeForHub(path: string, { tensors, read }: ClassifierExport, { parameters }: KeptModel): void {
  writeSafetensors(path, tensors, { format: "pt" });
  const other = findDifferingParameter(read(path), parameters);
  if (other !== undefined) refuseSafetensors(path, `${other} is not the model's`);
}

async function exportOnnx(
  out: string,
  model: KeptModel,
  probes: readonly EncodedProbe[],
  options: FinetunedExportOptions,
): Promise<Pick<FinetunedExport, "onnx" | "runtime">> {
  const { types = onnxTypeNames, onProgress = () => {} } = options;
  // Loaded here alone, with the library that writes its format.
  const { buildOnnxClassifier } = await import("../../export/onnx/build-onnx.ts");
  const { shape, classifier, parameters, reader } = model;
  const progress = createProgress("writing", systemClock, types.length);
  const files = writeOnnxFiles(
    out,
    types,
    type => buildOnnxClassifier(shape, classifier, parameters, type),
    (name, done) => onProgress(describeProgress({ ...progress(done), stage: `writing ${name}` })),
  );
  const runtime = await findOnnxRuntime(options.threads ?? 2);
  if (runtime === undefined) return { onnx: files.map(file => ({ ...file, comparison: undefined })), runtime };
  return withBackend(options, "f32", backend =>
    withOnnxFiles(out, files, runtime, async models => {
      const progress = createProgress(`comparing in ${runtime.name}`, systemClock, probes.length, "examples");
      const { comparisons, spread } = await compareClassifiers(
        backend,
        model,
        models,
        probes,
        reader.specials.pad,
        done => onProgress(describeProgress(progress(done))),
      );
      const onnx = acceptFiles(out, files, comparisons, (path, type, comparison) =>
        checkClassifierComparison(path, type, comparison, spread),
      );
      return { onnx, runtime: runtime.name };
    }),
  );
}
