// A run that begins with another model's parameters instead of drawn ones: for continued pretraining. They are copied into the
// run as initial.safetensors, so that a run killed before its first checkpoint starts over from the same values, and the model
// they came from may go. What a model has not, as an encoder the head that predicts tokens, is drawn.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { hashFile } from "../base/files/files.ts";
import { quoteCommand, quoteOwnCommand } from "../base/shell-words.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../checkpoint/safetensors.ts";
import { compareShapes } from "../model/compare-shapes.ts";
import { listDiscriminator, listParameters } from "../model/parameters.ts";
import type { ModelShape } from "../model/shape.ts";

/** A model to begin with. */
export interface InitialModel {
  /** The folder it was opened from. */
  readonly path: string;
  readonly shape: ModelShape;
  readonly parameters: readonly StoredTensor[];
  /** The head by which it tells replaced tokens, where it has one. */
  readonly discriminator?: readonly StoredTensor[] | undefined;
  /** Undefined for an id that no token has. */
  readonly tokenOf: (id: number) => string | undefined;
  /** Names it by its content. */
  readonly hash: string;
}

const fileOf = (run: string) => join(run, "initial.safetensors");

/**
 * Refuses a model that a run of this shape and vocabulary cannot begin with: E_INIT_SHAPE, which says what to set, and
 * E_TOKENIZER_OTHER.
 */
export function checkInitialModel(model: InitialModel, shape: ModelShape, vocabulary: readonly string[]): void {
  const differences = compareShapes(model.shape, shape);
  if (differences.length > 0) {
    const describe = (side: 0 | 1) =>
      differences.map(({ path, values }) => `${path} ${formatValue(values[side])}`).join(", ");
    throw new UserError(
      "E_INIT_SHAPE",
      `${model.path}: its model has ${describe(0)}, and the recipe's ${describe(1)}`,
      `Begin the run with ${quoteCommand(...listShapeSettings(model.shape, shape).flatMap(pair => ["--set", pair]))}.`,
    );
  }
  const other = vocabulary.findIndex((token, id) => token !== model.tokenOf(id));
  if (other >= 0) {
    const tokens = `token ${other} is ${JSON.stringify(model.tokenOf(other)) ?? "missing"} there and ${JSON.stringify(vocabulary[other])} here`;
    throw new UserError(
      "E_TOKENIZER_OTHER",
      `${model.path}: the dataset was not made with this model's tokenizer: ${tokens}`,
      `Make one with its tokenizer: ${quoteOwnCommand("prepare", "TEXT", "--tokenizer", model.path, "--out", "DATA")}`,
    );
  }
}

/** What is to be set in a recipe of the shape `ours` for a model of the shape `theirs`, as "model.width=256". */
export function listShapeSettings(theirs: ModelShape, ours: ModelShape): string[] {
  return compareShapes(theirs, ours)
    .filter(({ values }) => values[0] !== undefined)
    .map(({ path, values }) => `model.${path}=${formatValue(values[0])}`);
}

/** Copies the parameters into a run's folder, in full precision. Returns the file's SHA-256. */
export function storeInitialParameters(run: string, model: InitialModel): string {
  const { path, hash, parameters, discriminator = [] } = model;
  return writeSafetensors(fileOf(run), [...parameters, ...discriminator], { format: "pt", from: path, hash });
}

/**
 * The parameters that a run began with, by name; undefined where they are drawn. The file is compared with its SHA-256, where that
 * is known, when the first value is asked for: a run with a checkpoint asks for none. UserErrors: those of reading it, and
 * E_CHECKPOINT_DAMAGED.
 */
export function readInitialParameters(
  run: string,
  shape: ModelShape,
  sha256: string | undefined,
): ReadonlyMap<string, StoredTensor> | undefined {
  const path = fileOf(run);
  if (!existsSync(path)) return undefined;
  const stored = new Set(readSafetensors(path).keys());
  const listed = [...listParameters(shape), ...listDiscriminator(shape)];
  const begun = listed.filter(({ name }) => stored.has(name) || !/^(head|discriminator)\./.test(name));
  const shapes = new Map(begun.map(parameter => [parameter.name, parameter.shape] as const));
  let isCompared = sha256 === undefined;
  const compare = () => {
    if (!isCompared && hashFile(path, "run's initial parameters") !== sha256) {
      throw new UserError(
        "E_CHECKPOINT_DAMAGED",
        `${path}: changed after the run began, and the run has no checkpoint yet`,
        "Put a copy back, or begin another run with --init-from.",
      );
    }
    isCompared = true;
  };
  const tensors = [...readSafetensors(path, shapes)];
  return new Map(
    tensors.map(([name, tensor]) => {
      const read = () => {
        compare();
        return tensor.read();
      };
      return [name, { ...tensor, read }];
    }),
  );
}

const formatValue = (value: unknown): string =>
  value === undefined ? "absent" : typeof value === "string" ? value : JSON.stringify(value);
