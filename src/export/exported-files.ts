// The files of an export and what is known of each: its size, and how far it is from the model it was made of. How far it may be
// is decided here.

import { UserError } from "../base/errors.ts";
import type { Comparison, ProbedModel } from "./compare.ts";
import type { OnnxType } from "./onnx-model.ts";

export interface OnnxFile {
  readonly type: OnnxType;
  /** In the export's folder. */
  readonly name: string;
  readonly bytes: number;
  /** Undefined where no runtime is installed to compare it. */
  readonly comparison: Comparison | undefined;
}

/** The names that transformers.js looks for by its dtype option: fp32, fp16, q8. */
export const onnxFileNames: Readonly<Record<OnnxType, string>> = {
  f32: "onnx/model.onnx",
  f16: "onnx/model_fp16.onnx",
  int8: "onnx/model_quantized.onnx",
};

/** How much more a file may lose than the model, nats a masked token. */
const lossLimits: Readonly<Record<OnnxType, number>> = { f32: 1e-4, f16: 0.01, int8: 0.1 };
/** How far a logit may be off, in standard deviations of the logits and at least so much: rounding adds up in wide models. */
const logitLimits: Readonly<Record<OnnxType, number>> = { f32: 1e-4, f16: 0.1, int8: 4 };

/** Refuses a file that does not compute what the model does: E_EXPORT_MISMATCH. */
export function checkComparison(
  path: string,
  type: OnnxType,
  { logits, loss }: Comparison,
  ours: Pick<ProbedModel, "loss" | "spread">,
): void {
  const limit = logitLimits[type] * Math.max(1, ours.spread);
  const lost = loss === undefined || ours.loss === undefined ? 0 : loss - ours.loss;
  // Not a number is within no limit.
  if (logits <= limit && lost <= lossLimits[type]) return;
  throw new UserError(
    "E_EXPORT_MISMATCH",
    `${path}: a logit is off by ${logits.toPrecision(2)} and the loss by ${lost.toPrecision(2)} nats; ` +
      `${limit.toPrecision(2)} and ${lossLimits[type]} are allowed`,
    type === "f32"
      ? "The file was removed. Try another ONNX Runtime; if it stays so, this is a bug in cram."
      : "The file was removed. This model does not stand the rounding: leave it out with --types f32.",
  );
}
