// cram embed: the texts of a file as vectors.

import { Argument, type Command } from "commander";
import { countOf } from "../../../base/printable.ts";
import { formatDuration } from "../../../train/budget.ts";
import { embedFile } from "../../../verbs/model/embed-file.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { suggest } from "../../terminal/completion.ts";
import { print, printWarning, showStatus } from "../../terminal/output.ts";

interface EmbedFlags extends BackendOptions {
  readonly out: string;
  readonly textField?: string;
  readonly batchTexts: string;
  readonly truncate?: boolean;
  readonly split?: boolean;
  readonly skipBroken?: boolean;
  readonly json?: boolean;
}

export function addEmbed(command: Command): void {
  command
    .addArgument(
      suggest(
        new Argument(
          "<model>",
          "the folder of a run, an export, a finetuned seed, or a model of Hugging Face's or the reference's",
        ),
        "runs",
      ),
    )
    .argument(
      "<file>",
      "a .txt with a text a line; a table: .tsv, .csv, .jsonl (also .gz), .parquet; or a folder of documents",
    )
    .requiredOption(
      "--out <file>",
      "a .jsonl or .parquet of texts and vectors, or a .npy of the vectors, a row a text in their order",
    )
    .option("--text-field <name>", "the column of a table that holds the text; default: text")
    .option("--batch-texts <number>", "texts of one pass through the model", "16")
    .option("--truncate", "cut texts that are longer than the model's sequences, instead of refusing them")
    .option("--split", "divide these into passages, each a text of its own")
    .option("--skip-broken", "of a folder: count broken lines and files, and pass over them");
  addBackendOptions(command)
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
A vector is the mean of a text's last hidden states. Divide it by its length where only directions are to be compared.

Examples:
  cram embed runs/mine titles.txt --out titles.npy
  cram embed runs/mine reviews.csv --text-field review --out reviews.jsonl --truncate
  cram embed runs/mine my-texts/ --split --out passages.jsonl

Next: cram search runs/mine reviews.jsonl "…"; or in Python numpy.load("titles.npy")`,
    )
    .action(embed);
}

async function embed(model: string, file: string, flags: EmbedFlags): Promise<void> {
  const json = flags.json === true;
  if (!json) showStatus("reading the model");
  const { out, texts, width, elapsedSeconds } = await embedFile(model, file, {
    ...chooseBackend(flags),
    out: flags.out,
    textField: flags.textField,
    batchTexts: parseCount("--batch-texts", flags.batchTexts),
    truncate: flags.truncate,
    split: flags.split,
    skipBroken: flags.skipBroken,
    onWarning: printWarning,
    onProgress: json ? undefined : showStatus,
  });
  if (json) print(JSON.stringify({ out, texts, width, elapsedSeconds }));
  else {
    print(`${out}: ${countOf(texts, "vector")} of ${countOf(width, "number")}; ${formatDuration(elapsedSeconds)}`);
  }
}
