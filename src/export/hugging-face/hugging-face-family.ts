// What a family of Hugging Face's classes is to an export: which shapes it expresses, and where its files hold our parameters.
// hugging-face-export.ts has the list.

import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { ClassifierShape } from "../../model/classifier.ts";
import type { ModelShape } from "../../model/shape.ts";
import type { DerivedTensor } from "../../pretrained/foreign/foreign-tensors.ts";
import type { SourceTable } from "../../pretrained/foreign/tensor-sources.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";

/** A model that predicts tokens, an encoder with the head that tells replaced tokens, and one alone. */
export type ModelKind = "tokens" | "discriminator" | "encoder";

export interface HuggingFaceFamily {
  readonly name: string;
  readonly modelType: string;
  /** The class for each kind of model; undefined where there is none. */
  readonly classNames: Readonly<Record<ModelKind, string | undefined>>;
  /** What a shape must have to be one; without its `head` where it is an encoder. */
  readonly expressed: Partial<ModelShape>;
  /** Paths of options that it has and others have not. */
  readonly options?: readonly string[];
  /** What else stands in the way, a sentence. */
  findObstacle(shape: ModelShape, parameters: readonly StoredTensor[]): string | undefined;
  /** The config.json, without what every family has. */
  encodeConfig(shape: ModelShape, specials: SpecialIds): Readonly<Record<string, unknown>>;
  /** Where our parameters lie in the model.safetensors that goes with a config, and what else is in it. */
  tablesOf(config: unknown): { readonly table: SourceTable; readonly derived: readonly DerivedTensor[] };
  /** What a person should know of the export, a sentence each. */
  listNotes(shape: ModelShape): readonly string[];
  /** How it has the head of a downstream task; undefined where it has none like ours. */
  readonly head?: ClassifierFamily;
}

export interface ClassifierFamily {
  /** The class for each kind of task; undefined where it has no head like ours. */
  readonly classNames: Readonly<Record<ClassifierShape["kind"], string | undefined>>;
  /** What a head must have to be one. */
  settings(shape: ModelShape, classifier: ClassifierShape): Partial<ClassifierShape>;
  /** What it adds to, or changes in, the config.json. */
  encodeConfig(classifier: ClassifierShape): Readonly<Record<string, unknown>>;
  /** Where the parameters of the head lie. */
  readonly table: SourceTable;
}
