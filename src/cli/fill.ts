// cram fill: the words a trained run expects behind [MASK].

import type { Command } from "commander";
import { readRunRecipe } from "../train/run-folder.ts";
import { addBackendOptions, type BackendOptions, openBackend, parseCount } from "./choose.ts";
import { describeMask, openRunFiller } from "./fill-masks.ts";
import { colour, print } from "./output.ts";

export function addFill(program: Command): void {
  const command = program
    .command("fill")
    .description("fill [MASK] in a text with a run's likeliest tokens")
    .argument("<run>", "the folder of a run")
    .argument("<text...>", "texts with [MASK]");
  addBackendOptions(command)
    .option("--top <number>", "how many tokens for each mask", "5")
    .option("--json", "print one JSON object a text")
    .addHelpText("after", '\nExample:\n  cram fill runs/mine "Paris is the [MASK] of France." --top 3')
    .action(fill);
}

async function fill(
  run: string,
  texts: string[],
  flags: BackendOptions & { readonly top: string; readonly json?: boolean },
): Promise<void> {
  const top = parseCount("--top", flags.top);
  const backend = await openBackend(flags, readRunRecipe(run).train.precision);
  try {
    const fillText = openRunFiller(backend, run);
    for (const text of texts) {
      const masks = await fillText(text, top);
      if (flags.json === true) {
        print(JSON.stringify({ text, masks }));
        continue;
      }
      print(colour("bold", text));
      for (const mask of masks) print(`  ${describeMask(mask)}`);
    }
  } finally {
    await backend.close();
  }
}
