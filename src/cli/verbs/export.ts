// cram export: a trained run, or a finetuned model of it, as a folder for Python's transformers, transformers.js and ONNX Runtime.

import { Argument, type Command, Option } from "commander";
import { UserError } from "../../base/errors.ts";
import { quoteOwnCommand } from "../../base/shell-words.ts";
import type { OnnxFile } from "../../export/exported-files.ts";
import { type AverageName, averageNames } from "../../train/stored-average.ts";
import type { FinetunedExport } from "../../verbs/export/export-finetuned.ts";
import { exportModel } from "../../verbs/export/export-model.ts";
import { type ExportResult, exportFormats, onnxTypeNames } from "../../verbs/export/export-run.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../choose.ts";
import { suggest } from "../terminal/completion.ts";
import { colour, print, showStatus } from "../terminal/output.ts";

interface ExportFlags extends BackendOptions {
  readonly task?: string;
  readonly out?: string;
  readonly format?: string;
  readonly types?: string;
  readonly weights?: AverageName;
  readonly license?: string;
  readonly json?: boolean;
}

export function addExport(command: Command): void {
  command
    .addArgument(
      suggest(
        new Argument(
          "<model>",
          "the folder of a run, of a finetuned seed that cram evaluate --keep-models stored, or of a model of Hugging Face's or the reference's",
        ),
        "runs",
      ),
    )
    .option(
      "--task <name>",
      "not the run itself but what was finetuned on this task: the best of the seeds that were kept",
    )
    .option("--out <folder>", "the folder to write; default: export/ in the model's")
    .option(
      "--format <names>",
      `${exportFormats.join(",")}; default: both, where Hugging Face has a class for the model`,
    )
    .addOption(
      new Option("--weights <average>", "an average that the run kept of its parameters, not the last ones").choices(
        averageNames,
      ),
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
ONNX files are compared with the model where onnxruntime-node or onnxruntime-web is installed. ModernBERT is Hugging Face's class for
a rotary run finetuned with --set head=gelu-norm and --set headWidth= the model's width; every other head is written as ONNX.

Examples:
  cram export runs/mine
  cram export runs/mine --out my-model --format onnx --types f32,int8 --license cc-by-4.0
  cram evaluate runs/mine --glue-dir data/glue --tasks sst2 --keep-models && cram export runs/mine --task sst2
  cram export runs/mine/evaluations/glue/sst2/seed-3

Next, in Python:  pipeline("fill-mask", model="runs/mine/export")
      to train on: cram pretrain --init-from runs/mine/export --data data/mine`,
    )
    .action(exportFolder);
}

async function exportFolder(folder: string, flags: ExportFlags): Promise<void> {
  const json = flags.json === true;
  const result = await exportModel(folder, {
    ...chooseBackend(flags),
    task: flags.task,
    out: flags.out,
    formats: flags.format === undefined ? undefined : parseNames("--format", flags.format, exportFormats),
    types: flags.types === undefined ? undefined : parseNames("--types", flags.types, onnxTypeNames),
    weights: flags.weights,
    license: flags.license,
    onProgress: json ? undefined : showStatus,
  });
  if (json) print(JSON.stringify(result));
  else if ("task" in result) printFinetuned(result);
  else printResult(result);
}

/** "a,b" as names of `known`, in the order of `known`. */
function parseNames<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  const given = text.split(",").map(name => name.trim());
  const unknown = given.find(name => !(known as readonly string[]).includes(name));
  if (unknown === undefined) return known.filter(name => given.includes(name));
  throw new UserError("E_OPTION", `${option} ${text}: there is no "${unknown}"`, `Give some of ${known.join(",")}.`);
}

function printResult({ out, kind, className, mask, onnx, loss, runtime, notes }: ExportResult): void {
  print(colour("bold", out));
  printFiles(className, onnx, ({ loss: lost }) => (lost === undefined ? "" : `, held-out loss ${lost.toFixed(4)}`));
  if (loss !== undefined) print(`  the run itself: held-out loss ${loss.toFixed(4)}, compared in ${runtime}`);
  for (const note of notes) print(colour("dim", `  ${note}`));
  const quoted = JSON.stringify(out);
  const fills = kind === "tokens";
  const python = fills ? `pipeline("fill-mask", model=${quoted})` : `${className}.from_pretrained(${quoted})`;
  const task = fills ? "fill-mask" : "feature-extraction";
  const readers = [
    ...(className === undefined ? [] : [`${python} in Python's transformers`]),
    ...(onnx.length === 0
      ? []
      : [`await pipeline("${task}", ${quoted}, { dtype: "fp32" }) in @huggingface/transformers`]),
  ];
  print(`next: ${readers.join("\n      ")}`);
  if (fills) print(`      and then fill("… ${mask} …"); the model writes its mask so`);
  print(`      ${quoteOwnCommand("push", out, "NAME/MODEL")}      publishes it`);
}

function printFinetuned(result: FinetunedExport): void {
  const { out, task, kind, texts, seed, className, onnx, probes, runtime, notes } = result;
  print(`${colour("bold", out)}: ${task} seed ${seed}`);
  printFiles(className, onnx, ({ changed }) =>
    changed === undefined ? "" : `, ${(100 * changed).toFixed(1)} % other answers`,
  );
  if (runtime !== undefined) print(`  compared on ${probes} validation examples in ${runtime}`);
  for (const note of notes) print(colour("dim", `  ${note}`));
  const pipeline = kind === "tokens" ? "token-classification" : "text-classification";
  if (className !== undefined) print(`next: pipeline("${pipeline}", model="${out}") in Python's transformers`);
  // The script's pipeline takes one text, and makes probabilities of what it gets.
  if (onnx.length > 0 && texts !== 2 && kind !== "regression")
    print(
      `next: await pipeline("${pipeline}", ${JSON.stringify(out)}, { dtype: "fp32" }) in @huggingface/transformers`,
    );
  else if (onnx.length > 0) print(`next: the script in ${out}/README.md, for @huggingface/transformers`);
}

/** A line a file; `describe` says more of a comparison than how far logits are off. */
function printFiles<Compared extends { readonly logits: number | undefined; readonly hidden?: number }>(
  className: string | undefined,
  onnx: readonly OnnxFile<Compared>[],
  describe: (comparison: Compared) => string,
): void {
  if (className !== undefined) print(`  model.safetensors          ${className}; read again, every value equal`);
  for (const { name, bytes, comparison } of onnx) {
    const size = `${(bytes / 1e6).toFixed(1)} MB`.padStart(9);
    const describeAll = (comparison: Compared) => {
      const { logits, hidden = Number.NaN } = comparison;
      const off =
        logits === undefined
          ? `hidden states within ${hidden.toExponential(1)}`
          : `logits within ${logits.toExponential(1)}`;
      return `${off}${describe(comparison)}`;
    };
    const exact = comparison === undefined ? "not compared" : describeAll(comparison);
    print(`  ${name.padEnd(26)} ${size}  ${exact}`);
  }
}
