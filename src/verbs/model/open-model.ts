// A model that stays loaded: its parameters on a backend and its programs compiled, until it is closed. While another call needs
// the backend it gives way, and is loaded again at its next use.

import type { Backend } from "../../backends/backend.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { UserError } from "../../base/errors.ts";
import { openPairScorer, type PairScorer } from "../../evaluate/pairs/minimal-pairs.ts";
import { openingOf } from "../../evaluate/pairs/paradigm-scores.ts";
import { findKeptModel } from "../../evaluate/storage/find-kept-model.ts";
import { state } from "../../graph/operations.ts";
import { classify, poolSequences } from "../../model/classifier.ts";
import { encode } from "../../model/encoder.ts";
import { type KeptModel, openKeptModel } from "../../pretrained/kept-model.ts";
import {
  findKeptFolder,
  holdParameters,
  openPretrainedModel,
  type PretrainedModel,
  requireTokenHead,
} from "../../pretrained/pretrained-model.ts";
import type { Recipe } from "../../train/recipe.ts";
import { type BackendChoice, backendOptionKinds, holdBackend } from "../backend.ts";
import { type OptionKinds, readOptions, requireCount, requireList, requireModelFolder } from "../given-values.ts";
import { type Classified, type ClassifiedTexts, encodeForClassifier, readLogits } from "./classify.ts";
import { encodeWhole } from "./encode-texts.ts";
import { type FilledText, type FillText, openMaskFiller } from "./fill-masks.ts";
import { openTextRows, type ReadRows } from "./text-rows.ts";

export interface ModelOptions extends BackendChoice {
  /** Opens what was finetuned on this task and kept, instead of the folder's own model: the best of its seeds. */
  readonly task?: string | undefined;
  /** f32, bf16, or auto: bf16 where the processor has it. Default: what the run was trained in; f32 for other models. */
  readonly precision?: Recipe["train"]["precision"] | undefined;
  /** Texts of one pass through the model, at most. Default 16. */
  readonly batchTexts?: number | undefined;
  /** Told of texts of which the tokenizer loses a part; more than half of them is an error. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

export interface EmbeddingOptions {
  /** true: cuts texts that are longer than the model's sequences; else they are an error. Default false. */
  readonly truncate?: boolean | undefined;
  /** What each text is called in errors and warnings, as file and line. Default: "text 2", where there are several. */
  readonly origins?: readonly string[] | undefined;
}

export const modelOptionKinds: OptionKinds<ModelOptions> = {
  ...{ task: "text", precision: "text", batchTexts: "number" },
  ...backendOptionKinds,
  onWarning: "function",
};
export const embeddingOptionKinds: OptionKinds<EmbeddingOptions> = { truncate: "flag", origins: "list of origins" };

export interface Model {
  readonly name: string;
  /** run: trained here; kept: finetuned here; foreign: another program's, or an export. */
  readonly kind: PretrainedModel["kind"];
  /** Numbers of a vector. */
  readonly width: number;
  /** Tokens of a text at most, special ones included. */
  readonly sequenceLength: number;
  /** By class, of a kept classifier; else undefined. */
  readonly labels: readonly string[] | undefined;
  /** Tokens of each text as the model reads it, special ones included, however many. */
  countTokens(texts: readonly string[]): number[];
  /** The likeliest tokens for each [MASK]. UserErrors: E_NO_HEAD, E_NO_MASK, E_TEXT_LENGTH, E_TEXT_LOST. */
  fill(texts: readonly string[], options?: { readonly top?: number | undefined }): Promise<FilledText[]>;
  /** The mean of each text's final hidden states. UserErrors: E_TEXT_LENGTH, E_TEXT_LOST. */
  embed(texts: readonly string[], options?: EmbeddingOptions): Promise<Float32Array[]>;
  /** What the classifier of a kept model says. UserErrors: E_NO_CLASSIFIER, E_TEXT_COUNT, E_TEXT_LENGTH. */
  classify(examples: readonly ClassifiedTexts[]): Promise<Classified[]>;
  /**
   * Pseudo-log-likelihoods in nats (Salazar et al. 2020): of two sentences the higher one is the likelier. With precision f32
   * they are those of cram evaluate --suite blimp. UserErrors: E_NO_HEAD, E_TEXT_LENGTH, E_PAIR_EMPTY.
   */
  score(texts: readonly string[]): Promise<number[]>;
  /** Frees what it holds; it can not be used any more. */
  close(): Promise<void>;
}

/**
 * Opens a run's newest checkpoint, an export, a folder of Hugging Face's or of the reference's, or a classifier that `evaluate` kept,
 * for many calls. Several may be open.
 *
 * ```ts
 * const model = await openModel("runs/mine");
 * const [filled] = await model.fill(["the red [MASK] sleeps."], { top: 1 });
 * const [likely, odd] = await model.score(["the red fox sleeps.", "red the sleeps fox."]);
 * console.log(filled!.masks[0]!.candidates[0]!.token, likely! - odd!);
 * await model.close();
 * ```
 *
 * Errors are `UserError`s: those of reading the folder, among them E_FILE_MISSING and E_KEPT_MODEL.
 */
export async function openModel(folder: string, given: ModelOptions = {}): Promise<Model> {
  const options = readOptions("openModel", given, modelOptionKinds);
  requireModelFolder("openModel", folder);
  const { task, batchTexts = 16, onWarning = () => {} } = options;
  requireCount(batchTexts, "batchTexts", 1);
  const path = task === undefined ? folder : findKeptModel(folder, task).folder;
  const model = holdParameters(await openPretrainedModel(path));
  const kept = model.kind === "kept" ? await openKeptModel(findKeptFolder(path)!) : undefined;
  const held = holdBackend(options, options.precision ?? model.precision);
  let services: Services | undefined;
  let isClosed = false;
  const use = <T>(work: (services: Services) => Promise<T>): Promise<T> => {
    if (isClosed) throw new Error(`${folder}: this model was closed`);
    return held.use(backend => {
      if (services?.backend !== backend) services = openServices(backend, model, kept, { batchTexts, onWarning });
      return work(services);
    });
  };
  const { name, kind, shape } = model;
  return {
    ...{ name, kind, width: shape.width, sequenceLength: shape.sequenceLength, labels: kept?.labels },
    countTokens: texts => requireList(texts, "text").map(text => model.encodeForModel(text).length),
    fill: async (texts, options) => {
      const { top = 5 } = readOptions("fill", options, { top: "number" });
      requireCount(top, "top", 1);
      requireTokenHead(model, folder);
      requireList(texts, "text");
      return use(async ({ fill }) => {
        const filled: FilledText[] = [];
        for (const [i, text] of texts.entries())
          filled.push({ text, masks: await fill()(text, top, nameOrigin(texts, i)) });
        return filled;
      });
    },
    embed: async (texts, options) => {
      const { truncate = false, origins } = readOptions("embed", options, embeddingOptionKinds);
      requireList(texts, "text");
      for (const loss of model.describeLoss?.(texts, nameAll(origins)) ?? []) onWarning(loss);
      const encoded = texts.map((text, i) => encodeWhole(text, model, truncate, nameOrigin(texts, i, origins)));
      return use(({ embed }) => embed()(encoded));
    },
    classify: async examples => {
      if (kept === undefined) {
        const fault =
          kind === "foreign" ? "of another program's model the classifier is not read" : "it is not finetuned";
        throw new UserError(
          "E_NO_CLASSIFIER",
          `${folder}: this model classifies nothing here: ${fault}`,
          "Finetune it with cram evaluate --keep-models, and open the task or the seed's folder.",
        );
      }
      requireList(Array.isArray(examples) ? examples.flat() : examples, "text");
      const encoded = encodeForClassifier(kept, examples);
      const logits = await use(({ classify }) => classify()(encoded));
      return logits.map((row, i) => readLogits(kept, row, encoded[i]!.wordPlaces));
    },
    score: async texts => {
      requireTokenHead(model, folder);
      requireList(texts, "text");
      return use(({ score }) => score()(texts));
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      services = undefined;
      await held.close();
    },
  };
}

/** What a model does on one backend. Each is made when it is first asked for. */
interface Services {
  readonly backend: Backend;
  readonly fill: () => FillText;
  readonly embed: () => ReadRows;
  readonly classify: () => ReadRows;
  readonly score: () => PairScorer["scoreTexts"];
}

function openServices(
  backend: Backend,
  model: PretrainedModel,
  kept: KeptModel | undefined,
  { batchTexts, onWarning }: { readonly batchTexts: number; readonly onWarning: (text: string) => void },
): Services {
  const { shape, specials } = model;
  const parameters = kept?.parameters ?? model.parameters;
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(each => [each.name, state(each.name, each.shape)] as const));
  const rows = { backend, states, shape, padding: specials.pad, batchTexts };
  return {
    backend,
    fill: once(() => openMaskFiller(backend, model, onWarning, states)),
    embed: once(() =>
      openTextRows({
        ...rows,
        head: inputs => poolSequences(encode(inputs, tensors, shape), inputs.lengths, "mean"),
      }),
    ),
    classify: once(() => openTextRows({ ...rows, head: inputs => classify(inputs, tensors, shape, kept!.classifier) })),
    score: once(() => openPairScorer(backend, model, openingOf(model), states).scoreTexts),
  };
}

/** What is said of one of several texts begins with its origin: "reviews.csv:7: ". */
function nameOrigin({ length }: readonly string[], i: number, origins?: readonly string[]): string {
  const origin = origins?.[i] ?? (length > 1 ? `text ${i + 1}` : "");
  return origin && `${origin}: `;
}

function nameAll(origins: readonly string[] = []): string {
  if (origins.length === 0) return "the texts";
  return origins.length > 1 ? `${origins[0]} to ${origins.at(-1)}` : origins[0]!;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
