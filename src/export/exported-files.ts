// The folder of an export, replaced as one, and its ONNX files: written, opened again, and what is known of each: its size, and how far it
// is from the model it was made of. How far it may be is decided here.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { writeFileAtomically } from "../base/files/files.ts";
import { finishMoves, replaceFiles } from "../base/files/folder-draft.ts";
import { checkExportOutput } from "../base/files/folder-kind.ts";
import { withFolderLock } from "../base/files/folder-lock.ts";
import { exportChecksumsName, writeExportChecksums } from "../pretrained/export-checksums.ts";
import type { Comparison, ProbedModel } from "./compare.ts";
import type { ClassifierComparison } from "./compare-classifier.ts";
import type { OnnxType } from "./onnx/build-onnx.ts";
import type { FoundRuntime, OnnxModel } from "./onnx/onnx-runtime.ts";

export interface OnnxFile<Compared = Comparison> {
  readonly type: OnnxType;
  /** In the export's folder. */
  readonly name: string;
  readonly bytes: number;
  /** Undefined where no runtime is installed to compare it. */
  readonly comparison: Compared | undefined;
}

/** The names that transformers.js looks for by its dtype option: fp32, fp16, q8. */
export const onnxFileNames: Readonly<Record<OnnxType, string>> = {
  f32: "onnx/model.onnx",
  f16: "onnx/model_fp16.onnx",
  int8: "onnx/model_quantized.onnx",
};

/** The files of an export, by their paths in its folder. */
export const exportedNames: readonly string[] = [
  ...["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "README.md"],
  ...["model.safetensors", ...Object.values(onnxFileNames), exportChecksumsName],
];

/**
 * Exports by `build`, which writes into the folder it is given: an earlier export there is replaced as one, by one that is whole and
 * was let through, or stays. UserErrors: those of `build`, E_OUTPUT_OTHER, E_FOLDER_BUSY, E_DISK_FULL, E_NOT_WRITABLE.
 */
export async function replaceExport<T>(out: string, build: (draft: string) => Promise<T>): Promise<T> {
  checkExportOutput(out, exportedNames);
  return withFolderLock(out, "export", () => {
    finishMoves(out);
    const own = exportedNames.filter(name => existsSync(join(out, name)));
    return replaceFiles(out, { own, last: "config.json" }, async draft => {
      const built = await build(draft);
      // What has a card is a model that was let through; its card may be edited.
      writeExportChecksums(
        draft,
        exportedNames.filter(name => name !== "README.md" && name !== exportChecksumsName),
      );
      return built;
    });
  });
}

export type WrittenFile = Omit<OnnxFile, "comparison">;

/** Writes a file of each type, which take about as long as each other; `onFile` is told of each and how many are done. */
export function writeOnnxFiles(
  out: string,
  types: readonly OnnxType[],
  build: (type: OnnxType) => Uint8Array,
  onFile: (name: string, done: number) => void,
): WrittenFile[] {
  return types.map((type, i) => {
    const name = onnxFileNames[type];
    onFile(name, i);
    const model = build(type);
    writeFileAtomically(join(out, name), model);
    return { type, name, bytes: model.byteLength };
  });
}

/** Opens written files, hands them to `use` and closes them. */
export async function withOnnxFiles<T>(
  out: string,
  files: readonly WrittenFile[],
  runtime: FoundRuntime,
  use: (models: readonly OnnxModel[]) => Promise<T>,
): Promise<T> {
  const models: OnnxModel[] = [];
  try {
    for (const { name } of files) models.push(await runtime.open(readFileSync(join(out, name))));
    return await use(models);
  } finally {
    for (const model of models) await model.close();
  }
}

/** Each file with its comparison, after `check` has let it through. */
export function acceptFiles<Compared>(
  out: string,
  files: readonly WrittenFile[],
  comparisons: readonly Compared[],
  check: (path: string, type: OnnxType, comparison: Compared) => void,
): OnnxFile<Compared>[] {
  return files.map((file, index) => {
    const comparison = comparisons[index]!;
    check(join(out, file.name), file.type, comparison);
    return { ...file, comparison };
  });
}

/** How much more a file may lose than the model, nats a masked token. */
const lossLimits: Readonly<Record<OnnxType, number>> = { f32: 1e-4, f16: 0.01, int8: 0.1 };
/** How far a logit may be off, in standard deviations of the logits and at least so much: rounding adds up in wide models. */
const logitLimits: Readonly<Record<OnnxType, number>> = { f32: 1e-4, f16: 0.1, int8: 4 };

/** Refuses a file that does not compute what the model does: E_EXPORT_MISMATCH. */
export function checkComparison(
  path: string,
  type: OnnxType,
  { logits, hidden, loss }: Comparison,
  ours: Pick<ProbedModel, "loss" | "spread">,
): void {
  const limit = logitLimits[type] * Math.max(1, ours.spread);
  const lost = loss === undefined || ours.loss === undefined ? 0 : loss - ours.loss;
  const [what, off] = logits === undefined ? ["a hidden state", hidden] : ["a logit", logits];
  // Not a number is within no limit.
  if (off <= limit && lost <= lossLimits[type]) return;
  throw mismatch(
    path,
    type,
    `${what} is off by ${off.toPrecision(2)} and the loss by ${lost.toPrecision(2)} nats; ` +
      `${limit.toPrecision(2)} and ${lossLimits[type]} are allowed`,
  );
}

/**
 * How far a finetuned model's logit may be off, in standard deviations of the logits and at least so much. There are few of them, and
 * a model that learned little has all of them close together.
 */
const classifierLimits: Readonly<Record<OnnxType, { readonly share: number; readonly least: number }>> = {
  f32: { share: 1e-4, least: 1e-4 },
  f16: { share: 0.05, least: 0.02 },
  int8: { share: 1, least: 0.1 },
};

/** As checkComparison, for a finetuned model; what its classes lose is the divergence. */
export function checkClassifierComparison(
  path: string,
  type: OnnxType,
  { logits, divergence = 0 }: ClassifierComparison,
  spread: number,
): void {
  const { share, least } = classifierLimits[type];
  const limit = Math.max(least, share * spread);
  if (logits <= limit && divergence <= lossLimits[type]) return;
  throw mismatch(
    path,
    type,
    `a logit is off by ${logits.toPrecision(2)} and the classes by ${divergence.toPrecision(2)} nats; ` +
      `${limit.toPrecision(2)} and ${lossLimits[type]} are allowed`,
  );
}

function mismatch(path: string, type: OnnxType, seen: string): UserError {
  return new UserError(
    "E_EXPORT_MISMATCH",
    `${path}: ${seen}`,
    type === "f32"
      ? "Nothing was exported. Try another ONNX Runtime; if it stays so, this is a bug in cram."
      : "Nothing was exported. This model does not stand the rounding: leave it out with --types f32.",
  );
}
