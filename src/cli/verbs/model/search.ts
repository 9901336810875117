// cram search: the texts of a file that are nearest to a query.

import { Argument, type Command } from "commander";
import { search as searchTexts } from "../../../verbs/model/search-texts.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { suggest } from "../../terminal/completion.ts";
import { colour, print, printWarning, showStatus } from "../../terminal/output.ts";

interface SearchFlags extends BackendOptions {
  readonly top: string;
  readonly textField?: string;
  readonly truncate?: boolean;
  readonly split?: boolean;
  readonly skipBroken?: boolean;
  readonly json?: boolean;
}

export function addSearch(command: Command): void {
  command
    .addArgument(
      suggest(new Argument("<model>", "the folder of a run, an export, or a model of Hugging Face's"), "runs"),
    )
    .argument("<file>", "a .jsonl or .parquet that cram embed wrote with this model, or texts as it takes them")
    .argument("<query...>", "what is looked for, a text each")
    .option("--top <number>", "how many texts for each query", "5")
    .option("--text-field <name>", "the column of a table that holds the text; default: text")
    .option("--truncate", "cut texts of the file that are longer than the model's sequences, instead of refusing them")
    .option("--split", "divide these into passages, each a text of its own")
    .option("--skip-broken", "of a folder: count broken lines and files, and pass over them");
  addBackendOptions(command)
    .option("--json", "print one JSON object a query")
    .addHelpText(
      "after",
      `
Near is the cosine between two vectors; how much that says of meaning is the model's matter, and a model of minutes knows words. A
file of texts is embedded anew at every call, so embed one that is searched often:

Examples:
  cram search runs/mine titles.txt "a fox in its den" --top 3
  cram embed runs/mine reviews.csv --text-field review --out reviews.jsonl
  cram search runs/mine reviews.jsonl "arrived too late"`,
    )
    .action(search);
}

async function search(model: string, file: string, queries: string[], flags: SearchFlags): Promise<void> {
  const json = flags.json === true;
  if (!json) showStatus("reading the model");
  const found = await searchTexts(model, file, queries, {
    ...chooseBackend(flags),
    top: parseCount("--top", flags.top),
    textField: flags.textField,
    truncate: flags.truncate,
    split: flags.split,
    skipBroken: flags.skipBroken,
    onWarning: printWarning,
    onProgress: json ? undefined : showStatus,
  });
  for (const [i, texts] of found.entries()) {
    if (json) {
      print(JSON.stringify({ query: queries[i], texts }));
      continue;
    }
    print(colour("bold", queries[i]!));
    for (const { similarity, source, place, text } of texts)
      print(`  ${similarity.toFixed(3)}  ${source ?? place}: ${text.replaceAll(/\s+/g, " ").trim()}`);
  }
}
