// A model of any kind as a folder that other programs open.

import { UserError } from "../../base/errors.ts";
import { findKeptFolder } from "../../pretrained/pretrained-model.ts";
import { requireName } from "../given-values.ts";
import { exportFinetuned, type FinetunedExport, type FinetunedExportOptions } from "./export-finetuned.ts";
import { type ExportResult, exportFormats, exportRun, onnxTypeNames } from "./export-run.ts";

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
  options: FinetunedExportOptions = {},
): Promise<ExportResult | FinetunedExport> {
  for (const format of options.formats ?? []) requireName(format, "formats", exportFormats);
  for (const type of options.types ?? []) requireName(type, "types", onnxTypeNames);
  const isFinetuned = options.task !== undefined || findKeptFolder(folder) !== undefined;
  if (isFinetuned && options.weights !== undefined) {
    const advice = "Leave it out: what was finetuned has no average.";
    throw new UserError("E_OPTION", `--weights ${options.weights}: of a run alone`, advice);
  }
  if (isFinetuned) return exportFinetuned(folder, options);
  return exportRun(folder, options);
}
