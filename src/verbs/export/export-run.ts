// A trained run, or a model that another program saved, as a folder that other programs open: Hugging Face's safetensors where one of
// its classes is the model, ONNX for every model. What was written is loaded again and compared with the model; where a file differs,
// nothing is exported.

import { join } from "node:path";
import type { Backend } from "../../backends/backend.ts";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { type StoredTensor, writeSafetensors } from "../../checkpoint/safetensors.ts";
import { findRun } from "../../checkpoint/state.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { compareModels } from "../../export/compare.ts";
import {
  acceptFiles,
  checkComparison,
  type OnnxFile,
  replaceExport,
  type WrittenFile,
  withOnnxFiles,
  writeOnnxFiles,
} from "../../export/exported-files.ts";
import { exportToHuggingFace, type HuggingFaceExport } from "../../export/hugging-face/hugging-face-export.ts";
import type { ModelKind } from "../../export/hugging-face/hugging-face-family.ts";
import { formatModelCard, type ModelCard } from "../../export/model-card.ts";
import type { OnnxType } from "../../export/onnx/build-onnx.ts";
import { type FoundRuntime, findOnnxRuntime } from "../../export/onnx/onnx-runtime.ts";
import { cutProbes, drawProbes, type Probes } from "../../export/probes.ts";
import { type RunFacts, readRunFacts } from "../../export/run-facts.ts";
import { writeTokenizerFiles } from "../../export/tokenizer-files.ts";
import { listShapeDifferences } from "../../model/compare-shapes.ts";
import { countParameters, listParameters } from "../../model/parameters.ts";
import { type ModelShape, withoutHead } from "../../model/shape.ts";
import { countValidated } from "../../objectives/predictions.ts";
import { openForeignModel } from "../../pretrained/foreign/open-foreign-model.ts";
import { openPretrainedModel, type PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { readRunData } from "../../train/run-folder.ts";
import type { AverageName } from "../../train/stored-average.ts";
import { type BackendChoice, withBackend } from "../backend.ts";
import { createProgress, describeProgress } from "../prepare/stages/progress.ts";

export const exportFormats = ["huggingface", "onnx"] as const;
export type ExportFormat = (typeof exportFormats)[number];
export const onnxTypeNames: readonly OnnxType[] = ["f32", "f16", "int8"];

export interface ExportOptions extends BackendChoice {
  /** The folder to write; files of an earlier export there are replaced. Default: export/ in the run's. */
  readonly out?: string | undefined;
  /** Default: onnx, and huggingface where it has a class for the model. */
  readonly formats?: readonly ExportFormat[] | undefined;
  /** An average that the run kept of its parameters, in place of the last ones. E_OPTION where it keeps none. */
  readonly weights?: AverageName | undefined;
  /** Of ONNX files. Default: all three. */
  readonly types?: readonly OnnxType[] | undefined;
  /** Of the data, as the Hub names licences: "mit". Default: said to be unknown. */
  readonly license?: string | undefined;
  /** Told what is being done. */
  readonly onProgress?: ((what: string) => void) | undefined;
}

export interface ExportResult {
  readonly out: string;
  readonly kind: ModelKind;
  /** Hugging Face's class that opens the folder; undefined where none can. */
  readonly className: string | undefined;
  /** How the missing word is written for its readers: "<mask>". */
  readonly mask: string;
  readonly onnx: readonly OnnxFile[];
  /** Of the run itself on the sequences that files were compared on, nats; undefined without them. */
  readonly loss: number | undefined;
  /** What ONNX files were compared in; undefined where none is installed. */
  readonly runtime: string | undefined;
  /** What a person should know, a sentence each. */
  readonly notes: readonly string[];
}

/** Sequences that ONNX files are compared on. */
const probeCount = 100;

/**
 * Writes a model, of a run the newest checkpoint, for Python's transformers, transformers.js and ONNX Runtime, and compares what was written.
 *
 * Errors are `UserError`s, among them E_EXPORT_FORMAT where Hugging Face was asked for and has no class for the model, and
 * E_EXPORT_MISMATCH where a file does not compute what the run does.
 */
export async function exportRun(run: string, options: ExportOptions = {}): Promise<ExportResult> {
  const model = await openPretrainedModel(run, options.weights);
  const out = options.out ?? join(model.home, "export");
  const exported = await replaceExport(out, draft => exportModel(run, model, { ...options, out: draft }));
  return { ...exported, out };
}

async function exportModel(
  run: string,
  model: PretrainedModel,
  options: ExportOptions & { readonly out: string },
): Promise<Omit<ExportResult, "out">> {
  const { out, formats, types = onnxTypeNames, license, onProgress = () => {} } = options;
  const { specials, discriminator, headFault } = model;
  const facts = model.kind === "run" ? readRunFacts(run, options.weights) : undefined;
  // What predicts no tokens when it is read by itself is written without what would.
  const shape = headFault === undefined ? model.shape : withoutHead(model.shape);
  const parameters = model.parameters.slice(0, listParameters(shape).length);
  const forHub = exportToHuggingFace(shape, parameters, specials, discriminator);
  const obstacle = "obstacle" in forHub ? forHub.obstacle : undefined;
  if (obstacle !== undefined && formats?.includes("huggingface")) {
    throw new UserError("E_EXPORT_FORMAT", `${run}: ${obstacle}`, "Export it with --format onnx, which expresses all.");
  }
  const wanted = (formats ?? exportFormats).filter(format => format === "onnx" || obstacle === undefined);
  const notes = options.weights === undefined ? [] : [`the parameters are the run's ${options.weights} average`];
  if (headFault !== undefined) notes.push(`this is the encoder alone, and it predicts no tokens: ${headFault}`);
  const config = "obstacle" in forHub ? describeForScript(shape, specials.pad) : forHub.config;
  writeFileAtomically(join(out, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
  writeTokenizerFiles(out, model, shape);
  let className: string | undefined;
  if (!("obstacle" in forHub) && wanted.includes("huggingface")) {
    onProgress("writing model.safetensors");
    writeForHub(out, forHub, shape, parameters, forHub.kind === "discriminator" ? discriminator : []);
    className = forHub.className;
    notes.push(...forHub.notes);
  } else if (obstacle !== undefined) {
    notes.push(`there is no model.safetensors: ${obstacle}`);
  }
  const exported: Pick<ModelCard, "onnx" | "loss" | "runtime"> = wanted.includes("onnx")
    ? await exportOnnx({ run, out, shape, parameters, types, facts, padding: specials.pad, onProgress }, options)
    : { onnx: [], loss: undefined, runtime: undefined };
  if (exported.onnx.length > 0) notes.push(...listOnnxNotes(exported, shape));
  const mask = model.tokenOf(specials.mask)!;
  const ofOnnx = headFault === undefined ? "tokens" : "encoder";
  const kind = "obstacle" in forHub ? ofOnnx : forHub.kind;
  const card = formatModelCard({
    ...{ name: model.name, license, facts, kind, className, notes, ...exported },
    ...{ parameters: countParameters(shape), sequenceLength: shape.sequenceLength },
    mask,
  });
  writeFileAtomically(join(out, "README.md"), card);
  return { kind, className, mask, notes, ...exported };
}

/** Writes model.safetensors beside its config and reads both again as anyone's model is read. */
function writeForHub(
  out: string,
  { tensors }: HuggingFaceExport,
  shape: ModelShape,
  parameters: readonly StoredTensor[],
  discriminator: readonly StoredTensor[] = [],
): void {
  const path = join(out, "model.safetensors");
  writeSafetensors(path, tensors, { format: "pt" });
  const again = openForeignModel(out);
  const differences = listShapeDifferences(again.shape, shape);
  if (differences.length > 0) refuseSafetensors(path, `the shape's ${differences.join(", ")} is not the run's`);
  const other =
    findDifferingParameter(again.parameters, parameters) ??
    findDifferingParameter(again.discriminator ?? [], discriminator);
  if (other !== undefined) refuseSafetensors(path, `${other} is not the run's`);
}

/** Refuses a safetensors file that, read again, is not the model: E_EXPORT_MISMATCH. */
export function refuseSafetensors(path: string, what: string): never {
  throw new UserError(
    "E_EXPORT_MISMATCH",
    `${path}: read again, ${what}`,
    "Nothing was exported. This is a bug in cram, or the disk changes what is written to it.",
  );
}

/** The first parameter whose values are not those of the other list. */
export function findDifferingParameter(
  read: readonly StoredTensor[],
  expected: readonly StoredTensor[],
): string | undefined {
  return expected.find(({ name, read: readWanted }, index) => {
    const tensor = read[index];
    if (tensor?.name !== name) return true;
    const [values, wanted] = [tensor.read(), readWanted()];
    return values.some((value, i) => !Object.is(value, wanted[i]));
  })?.name;
}

/** A config.json by which transformers.js finds its way in a folder of ONNX alone; the graph is in the file. */
export function describeForScript(shape: ModelShape, padding: number): Readonly<Record<string, unknown>> {
  return {
    model_type: shape.segments ? "bert" : "modernbert",
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    max_position_embeddings: shape.sequenceLength,
    pad_token_id: padding,
  };
}

interface OnnxExport {
  readonly run: string;
  readonly out: string;
  readonly shape: ModelShape;
  readonly parameters: readonly StoredTensor[];
  readonly types: readonly OnnxType[];
  /** Of a run. */
  readonly facts: RunFacts | undefined;
  readonly padding: number;
  readonly onProgress: (what: string) => void;
}

async function exportOnnx(
  work: OnnxExport,
  choice: BackendChoice,
): Promise<Pick<ModelCard, "onnx" | "loss" | "runtime">> {
  const { out, shape, parameters, types, onProgress } = work;
  // Loaded here alone, with the library that writes its format: no other verb needs it.
  const { buildOnnxModel } = await import("../../export/onnx/build-onnx.ts");
  const progress = createProgress("writing", systemClock, types.length);
  const written = writeOnnxFiles(
    out,
    types,
    type => buildOnnxModel(shape, parameters, type),
    (name, done) => onProgress(describeProgress({ ...progress(done), stage: `writing ${name}` })),
  );
  const runtime = await findOnnxRuntime(choice.threads ?? 2);
  if (runtime === undefined) {
    return { onnx: written.map(file => ({ ...file, comparison: undefined })), loss: undefined, runtime: undefined };
  }
  return withBackend(choice, "f32", backend => compareFiles(work, written, runtime, backend));
}

async function compareFiles(
  { run, out, shape, parameters, facts, padding, onProgress }: OnnxExport,
  written: readonly WrittenFile[],
  runtime: FoundRuntime,
  backend: Backend,
): Promise<Pick<ModelCard, "onnx" | "loss" | "runtime">> {
  return withOnnxFiles(out, written, runtime, async models => {
    const held = facts === undefined ? undefined : readProbes(run, facts, padding);
    const probes = held ?? drawProbes(shape, probeCount, padding);
    const progress = createProgress(`comparing in ${runtime.name}`, systemClock, probeCount, "sequences");
    const compared = await compareModels(backend, shape, parameters, models, probes, done =>
      onProgress(describeProgress(progress(done))),
    );
    const onnx = acceptFiles(out, written, compared.comparisons, (path, type, comparison) =>
      checkComparison(path, type, comparison, compared),
    );
    return { onnx, loss: compared.loss, runtime: runtime.name };
  });
}

/** Held-out sequences of the run's own dataset; undefined where it is gone or has become another one. */
function readProbes(run: string, { recipe, datasetHash }: RunFacts, padding: number): Probes | undefined {
  let dataset: Dataset;
  try {
    dataset = new Dataset(readRunData(findRun(run)));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  try {
    const { hash, sequenceLength } = dataset.manifest;
    if (hash !== datasetHash) return undefined;
    return cutProbes(dataset.readValidation(0, probeCount, countValidated(recipe)), sequenceLength, padding);
  } finally {
    dataset.close();
  }
}

function listOnnxNotes({ runtime, loss }: Pick<ModelCard, "runtime" | "loss">, shape: ModelShape): string[] {
  if (runtime === undefined) {
    return [
      "the ONNX files were not compared with the model: npm install onnxruntime-node, or onnxruntime-web, " +
        "where cramming is installed, and export again",
    ];
  }
  return loss === undefined && !shape.isEncoder
    ? ["its dataset is not there: files were compared on drawn tokens, without a loss"]
    : [];
}
