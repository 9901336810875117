// The weights in a folder: model.safetensors, or the shards that model.safetensors.index.json lists. Every shard is opened and
// must hold what the list says, no more and no less.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { readJson } from "../../base/files/files.ts";
import { makePrintable, quoteValue } from "../../base/printable.ts";
import { readSafetensors, type StoredTensor } from "../../checkpoint/safetensors.ts";

export interface TensorFiles {
  /** What errors name. */
  readonly path: string;
  /** By the names in the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** One file. */
export const readTensorFile = (path: string): TensorFiles => ({ path, tensors: readSafetensors(path) });

/** The weights of a folder. Errors: E_FILE_MISSING, E_FOREIGN_TENSOR and those of reading safetensors. */
export function readTensorFiles(folder: string): TensorFiles {
  requireTensorFiles(folder);
  const path = join(folder, "model.safetensors");
  return existsSync(path) ? readTensorFile(path) : readShards(folder, join(folder, "model.safetensors.index.json"));
}

/** Errors: E_FILE_MISSING and E_FOREIGN_TENSOR, by what lies there instead of weights that can be read. */
export function requireTensorFiles(folder: string): void {
  const path = join(folder, "model.safetensors");
  if (existsSync(path) || existsSync(join(folder, "model.safetensors.index.json"))) return;
  const pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"].find(name => existsSync(join(folder, name)));
  if (pickled !== undefined) {
    throw new UserError(
      "E_FOREIGN_TENSOR",
      `${join(folder, pickled)}: a pickle, and there is no model.safetensors beside it`,
      "Convert it in Python: AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder, safe_serialization=True).",
    );
  }
  if (existsSync(join(folder, "onnx"))) {
    throw new UserError(
      "E_FILE_MISSING",
      `${path}: no weights here, only an ONNX export, which other programs run`,
      "Give the run that it was exported from.",
    );
  }
  throw new UserError("E_FILE_MISSING", `${path}: no weights here`, "Give the folder that holds model.safetensors.");
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

function readShards(folder: string, index: string): TensorFiles {
  const refuse = (what: string) =>
    new UserError("E_FOREIGN_TENSOR", `${index}: ${what}`, "Fetch the model again, with all its files.");
  const parsed = indexSchema.safeParse(readJson(index, "list of a model's shards"));
  if (!parsed.success) throw refuse("its weight_map does not name a file for each tensor");
  const wanted = new Map(Object.entries(parsed.data.weight_map));
  const tensors = new Map<string, StoredTensor>();
  for (const name of new Set(wanted.values())) {
    const shown = quoteValue(name);
    if (name !== basename(name) || name.includes("\\") || !name.endsWith(".safetensors"))
      throw refuse(`${shown} is not the name of a safetensors file beside it`);
    const path = join(folder, name);
    if (!existsSync(path)) throw refuse(`the shard ${shown} is missing`);
    for (const [tensor, stored] of readSafetensors(path)) {
      if (wanted.get(tensor) !== name)
        throw refuse(`${shown} holds ${makePrintable(tensor, 80)}, which is not listed there`);
      tensors.set(tensor, stored);
    }
  }
  for (const [tensor, name] of wanted) {
    if (!tensors.has(tensor)) throw refuse(`${quoteValue(name)} lacks ${makePrintable(tensor, 80)}`);
  }
  return { path: index, tensors };
}
