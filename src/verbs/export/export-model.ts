// A model of any kind as a folder that other programs open.

import { UserError } from "../../base/errors.ts";
import { findKeptFolder } from "../../pretrained/pretrained-model.ts";
import { backendOptionKinds } from "../backend.ts";
import { type OptionKinds, readOptions, requireModelFolder, requireName } from "../given-values.ts";
import { exportFinetuned, type FinetunedExport, type FinetunedExportOptions } from "./export-finetuned.ts";
import { type ExportResult, exportFormats, exportRun, onnxTypeNames } from "./export-run.ts";

const optionKinds: OptionKinds<FinetunedExportOptions> = {
  ...{
    out: "path",
    task: "text",
    formats: "list of formats",
    weights: "text",
    types: "list of types",
    license: "text",
  },
  ...backendOptionKinds,
  onProgress: "function",
};

/**
 * Writes a run, or a model that another program saved, for Python's transformers, transformers.js and ONNX Runtime; or with `task`, or
 * given a seed's folder, what was finetuned and kept. What was written is loaded again and compared; where a file differs, nothing is
 * exported.
 *
 * ```ts
 * const { out, onnx } = await exportModel("runs/mine", { formats: ["onnx"], types: ["f32"] });
 * for (const { name, bytes } of onnx) console.log(`${out}/${name}: ${bytes} bytes`);
 * ```
 *
 * Errors are `UserError`s, among them E_EXPORT_FORMAT where Hugging Face was asked for and has no class for the model,
 * E_EXPORT_MISMATCH, and E_KEPT_MODEL where no such model was kept.
 */
export async function exportModel(
  folder: string,
  given: FinetunedExportOptions = {},
): Promise<ExportResult | FinetunedExport> {
  const options = readOptions("exportModel", given, optionKinds);
  requireModelFolder("exportModel", folder);
  requireSome(options.formats, "format", exportFormats);
  requireSome(options.types, "type", onnxTypeNames);
  const isFinetuned = options.task !== undefined || findKeptFolder(folder) !== undefined;
  if (isFinetuned && options.weights !== undefined) {
    const advice = "Leave it out: what was finetuned has no average.";
    throw new UserError("E_OPTION", `--weights ${options.weights}: of a run alone`, advice);
  }
  if (isFinetuned) return exportFinetuned(folder, options);
  return exportRun(folder, options);
}

/** UserError E_OPTION for a list without a name, or with another one. */
function requireSome(given: readonly string[] | undefined, noun: "format" | "type", names: readonly string[]): void {
  if (given === undefined) return;
  for (const name of given) requireName(name, `${noun}s`, names);
  if (given.length > 0) return;
  throw new UserError("E_OPTION", `a list of no ${noun}s was given`, `There are ${names.join(", ")}; default: all.`);
}
