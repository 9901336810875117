// The tensors of another project's checkpoint as our parameters, and ours as theirs. Nothing is guessed: a tensor that is
// missing, that has another shape, or that nothing reads is an error that names it. Values stay in the file until asked for.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { Shape } from "../../graph/tensor.ts";
import type { Parameter } from "../../model/parameter.ts";
import type { TensorFiles } from "./tensor-files.ts";
import type { Source, SourceTable } from "./tensor-sources.ts";

/** How the names of a family of checkpoints differ from those its table uses. */
export interface Naming {
  /** What stands before an encoder's names in a model with a head. A bare encoder is saved without. */
  readonly encoder?: string;
  /** Older spellings: what to replace, by what. */
  readonly renamed: readonly (readonly [RegExp, string])[];
  /** A tensor saved under a second name, and its first. Where both are there they must be equal. */
  readonly tied: Readonly<Record<string, string>>;
  /** What our model has no use for, and the word for it in a note; "" for what is not worth one. */
  readonly ignored: readonly (readonly [RegExp, string])[];
}

/** Heads of classes that were finetuned: what stands below them is an encoder. */
export const finetunedHeads: Naming["ignored"] = [
  [/^(pre_)?classifier\./, "the classifier"],
  [/^qa_outputs\./, "the head that finds answers"],
];

export interface ForeignTensors {
  /** What errors name. */
  readonly path: string;
  /** By the names that tables use. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What was left out, a sentence each. */
  readonly notes: readonly string[];
}

/** A tensor of theirs that follows from parameters of ours: an export writes it, an import refuses another. */
export interface DerivedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Parameters of ours. */
  readonly from: readonly string[];
  compute(values: readonly Float32Array[]): Float32Array;
}

function refuse(path: string, what: string): UserError {
  const advice = "Only a masked language model of the kind its config.json names can be read, with every tensor of it.";
  return new UserError("E_FOREIGN_TENSOR", `${path}: ${what}`, advice);
}

/** The tensors of files with their names brought into order. */
export function nameForeignTensors(files: TensorFiles, { encoder, renamed, tied, ignored }: Naming): ForeignTensors {
  const { path } = files;
  const tensors = new Map<string, StoredTensor>();
  const dropped = new Set<string>();
  // What torch.compile and DistributedDataParallel write before a name.
  const unwrap = (name: string) => name.replace(/^((_orig_mod|module)\.)+/, "");
  const isBare =
    encoder !== undefined && ![...files.tensors.keys()].some(name => unwrap(name).startsWith(`${encoder}.`));
  for (const [stored, tensor] of files.tensors) {
    const whole = `${isBare ? `${encoder}.` : ""}${unwrap(stored)}`;
    const name = renamed.reduce((text, [from, to]) => text.replace(from, to), whole);
    const reason = ignored.find(([pattern]) => pattern.test(name));
    if (reason !== undefined) dropped.add(reason[1]);
    else if (tensors.has(name)) throw refuse(path, `${stored} is there twice, as ${name}`);
    else tensors.set(name, tensor);
  }
  for (const [second, first] of Object.entries(tied)) {
    const tensor = tensors.get(second);
    if (tensor === undefined) continue;
    tensors.delete(second);
    const other = tensors.get(first);
    if (other === undefined) tensors.set(first, tensor);
    else if (!haveEqualValues(tensor, other))
      throw refuse(path, `${second} is not ${first}, and our model ties the two`);
  }
  const notes = [...dropped].filter(word => word !== "").map(word => `${word} is left out; our model has none`);
  return { path, tensors, notes };
}

function haveEqualValues(a: StoredTensor, b: StoredTensor): boolean {
  if (a.shape.join() !== b.shape.join()) return false;
  const [first, second] = [a.read(), b.read()];
  return first.every((value, i) => value === second[i]);
}

/** What a value may be off, relative to it, after it and what it follows from were rounded to the type they are saved in. */
const roundings: Readonly<Record<string, number>> = { BF16: 2 ** -6, F16: 2 ** -9 };

/** Whether a tensor is what follows from the others: in full precision exactly, in halves up to their rounding. */
function follows(stored: StoredTensor, expected: StoredTensor): boolean {
  const rounding = roundings[stored.type ?? "F32"];
  if (rounding === undefined) return haveEqualValues(stored, expected);
  if (stored.shape.join() !== expected.shape.join()) return false;
  const [values, wanted] = [stored.read(), expected.read()];
  return values.every((value, i) => Math.abs(value - wanted[i]!) <= rounding * Math.abs(wanted[i]!) + 2 ** -23);
}

/** Every parameter that is `listed`, from its source in `table`; E_FOREIGN_TENSOR names what is missing, misshapen or left over. */
export function importParameters(
  { path, tensors }: ForeignTensors,
  listed: readonly Pick<Parameter, "name" | "shape">[],
  table: SourceTable,
  derived: readonly DerivedTensor[] = [],
): StoredTensor[] {
  const used = new Set<string>();
  const parameters = listed.map(({ name, shape: size }): StoredTensor => {
    const source = findSource(table, name);
    const inputs = source.names.map((theirs, i) => {
      used.add(theirs);
      const tensor = tensors.get(theirs);
      if (tensor === undefined) throw refuse(path, `tensor ${theirs} is missing`);
      const expected = source.shapeOf(size, i);
      if (tensor.shape.join() === expected.join()) return tensor;
      throw refuse(path, `tensor ${theirs} has shape [${tensor.shape.join(", ")}] instead of [${expected.join(", ")}]`);
    });
    const read = () =>
      source.convert(
        inputs.map(tensor => tensor.read()),
        size,
      );
    return { name, shape: size, read };
  });
  for (const expected of deriveTensors(derived, parameters)) {
    used.add(expected.name);
    const tensor = tensors.get(expected.name);
    if (tensor === undefined) throw refuse(path, `tensor ${expected.name} is missing`);
    if (!follows(tensor, expected)) {
      throw refuse(
        path,
        `tensor ${expected.name} is not what cram export wrote there, and our model has no place for it`,
      );
    }
  }
  const unused = [...tensors.keys()].filter(name => !used.has(name));
  if (unused.length > 0) {
    const named = unused.slice(0, 3).join(", ");
    throw refuse(
      path,
      `${countOf(unused.length, "tensor")} that our model has no place for: ${named}${unused.length > 3 ? ", …" : ""}`,
    );
  }
  return parameters;
}

/** Our parameters by the names and in the layout of `table`, then what follows from them. */
export function exportParameters(
  parameters: readonly StoredTensor[],
  table: SourceTable,
  derived: readonly DerivedTensor[],
): StoredTensor[] {
  const copied = parameters.flatMap(({ name, shape, read }) => {
    const source = findSource(table, name);
    if (source.names.length === 0) throw new Error(`the parameter ${name} has no place in the export`);
    return source.names.map((theirs, index) => ({
      name: theirs,
      shape: source.shapeOf(shape, index),
      read: () => source.invert(read(), shape)[index]!,
    }));
  });
  return [...copied, ...deriveTensors(derived, parameters)];
}

function deriveTensors(derived: readonly DerivedTensor[], parameters: readonly StoredTensor[]): StoredTensor[] {
  const find = (name: string) => parameters.find(parameter => parameter.name === name)!;
  return derived.map(({ name, shape, from, compute }) => ({
    name,
    shape,
    read: () => compute(from.map(ours => find(ours).read())),
  }));
}

/** The source of one of our parameters, its names with the layer's number in them. */
function findSource(table: SourceTable, name: string): Source {
  const layer = /^layers\.(\d+)\./.exec(name)?.[1];
  const source = table[layer === undefined ? name : name.replace(`layers.${layer}.`, "layers.#.")];
  if (source === undefined) throw new Error(`no source for the parameter ${name}`);
  const numbered = (theirs: string) =>
    theirs.replace(/#(\+1)?/, (_, next: string | undefined) => String(Number(layer) + (next === undefined ? 0 : 1)));
  return { ...source, names: source.names.map(numbered) };
}
