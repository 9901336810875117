// cram fill: the words a trained run expects behind [MASK].

import { Argument, type Command } from "commander";
import { fill as fillMasks } from "../../verbs/model/fill.ts";
import type { FilledMask } from "../../verbs/model/fill-masks.ts";
import { addBackendOptions, type BackendOptions, chooseBackend, parseCount } from "../choose.ts";
import { suggest } from "../terminal/completion.ts";
import { colour, print, printError } from "../terminal/output.ts";

export function addFill(command: Command): void {
  command
    .addArgument(
      suggest(
        new Argument(
          "<model>",
          "the folder of a run, an export, or a masked language model of Hugging Face's or the reference's",
        ),
        "runs",
      ),
    )
    .argument("<text...>", "texts with [MASK]");
  addBackendOptions(command)
    .option("--top <number>", "how many tokens for each mask", "5")
    .option("--json", "print one JSON object a text")
    .addHelpText(
      "after",
      `
Examples:
  cram fill runs/mine "Paris is the [MASK] of France." --top 3
  cram fill runs/mine "the [MASK] [MASK] sleeps." --json >> runs/mine/fills.jsonl

Next: cram report runs/mine`,
    )
    .action(fill);
}

async function fill(
  run: string,
  texts: string[],
  flags: BackendOptions & { readonly top: string; readonly json?: boolean },
): Promise<void> {
  const top = parseCount("--top", flags.top);
  for (const { text, masks } of await fillMasks(run, texts, { ...chooseBackend(flags), top, onWarning: printError })) {
    if (flags.json === true) print(JSON.stringify({ text, masks }));
    else printFilled(text, masks);
  }
}

/** The text, and "word 41 %  word 12 %  …" for each of its masks. */
export function printFilled(text: string, masks: readonly FilledMask[]): void {
  print(colour("bold", text));
  for (const { candidates } of masks) {
    const words = candidates.map(({ token, probability }) => `${token} ${(100 * probability).toFixed(0)} %`);
    print(`  ${words.join("  ")}`);
  }
}
