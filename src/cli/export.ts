// cram export: a trained run as a folder for Python's transformers, transformers.js and ONNX Runtime.

import type { Command } from "commander";
import { UserError } from "../base/errors.ts";
import { type ExportResult, exportFormats, exportRun, onnxTypeNames } from "../verbs/export.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "./choose.ts";
import { colour, print, showStatus } from "./output.ts";

interface ExportFlags extends BackendOptions {
  readonly out?: string;
  readonly format?: string;
  readonly types?: string;
  readonly license?: string;
  readonly json?: boolean;
}

export function addExport(program: Command): void {
  const command = program
    .command("export")
    .description(
      "write a run for transformers (Python), transformers.js and ONNX Runtime, and compare what was written",
    )
    .argument("<run>", "the folder of a run")
    .option("--out <folder>", "the folder to write; default: export/ in the run's")
    .option(
      "--format <names>",
      `${exportFormats.join(",")}; default: both, where Hugging Face has a class for the model`,
    )
    .option("--types <names>", `of ONNX files: ${onnxTypeNames.join(",")}; default: all`)
    .option(
      "--license <name>",
      'licence of the data, as the Hub names it: "mit"; without it the card says it is unknown',
    );
  addBackendOptions(command)
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
ONNX files are compared with the run where onnxruntime-node or onnxruntime-web is installed.

Examples:
  cram export runs/mine
  cram export runs/mine --out my-model --format onnx --types f32,int8 --license cc-by-4.0

Next, in Python:  pipeline("fill-mask", model="runs/mine/export")
      to train on: cram pretrain --init-from runs/mine/export --data data/mine`,
    )
    .action(exportModel);
}

async function exportModel(run: string, flags: ExportFlags): Promise<void> {
  const json = flags.json === true;
  const result = await exportRun(run, {
    ...chooseBackend(flags),
    out: flags.out,
    formats: flags.format === undefined ? undefined : parseNames("--format", flags.format, exportFormats),
    types: flags.types === undefined ? undefined : parseNames("--types", flags.types, onnxTypeNames),
    license: flags.license,
    onProgress: json ? undefined : showStatus,
  });
  if (json) print(JSON.stringify(result));
  else printResult(result);
}

/** "a,b" as names of `known`, in the order of `known`. */
function parseNames<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  const given = text.split(",").map(name => name.trim());
  const unknown = given.find(name => !(known as readonly string[]).includes(name));
  if (unknown === undefined) return known.filter(name => given.includes(name));
  throw new UserError("E_OPTION", `${option} ${text}: there is no "${unknown}"`, `Give some of ${known.join(",")}.`);
}

function printResult({ out, className, onnx, loss, runtime, notes }: ExportResult): void {
  print(colour("bold", out));
  if (className !== undefined) print(`  model.safetensors          ${className}; read again, every value equal`);
  for (const { name, bytes, comparison } of onnx) {
    const size = `${(bytes / 1e6).toFixed(1)} MB`.padStart(9);
    const exact = comparison === undefined ? "not compared" : `logits within ${comparison.logits.toExponential(1)}`;
    const lost = comparison?.loss === undefined ? "" : `, held-out loss ${comparison.loss.toFixed(4)}`;
    print(`  ${name.padEnd(26)} ${size}  ${exact}${lost}`);
  }
  if (loss !== undefined) print(`  the run itself: held-out loss ${loss.toFixed(4)}, compared in ${runtime}`);
  for (const note of notes) print(colour("dim", `  ${note}`));
  if (className !== undefined) print(`next: pipeline("fill-mask", model="${out}") in Python's transformers`);
  if (onnx.length > 0)
    print(`next: await pipeline("fill-mask", "${out}", { dtype: "fp32" }) in @huggingface/transformers`);
}
