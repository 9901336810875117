// What quickstart trains on and asks: the prose of the installed packages, which every checkout has, and sentences out of it.

import { existsSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { collectInstalledProse } from "../corpus/sources/installed-prose.ts";
import { listShards } from "../corpus/sources/sources.ts";
import { plainPacking } from "../dataset/packings.ts";
import type { Recipe } from "../train/recipe.ts";
import type { Prepared } from "./prepare/dataset-options.ts";
import { prepareSources } from "./prepare/prepare-sources.ts";
import { describeProgress } from "./prepare/stages/progress.ts";

const proseBytes = 6e6;

/** Sentences that readers of READMEs and of Node's documentation can complete. */
export const proseSentences = [
  "npm [MASK] --save-dev",
  "run npm [MASK] to install the dependencies.",
  'import { test } [MASK] "node:test";',
  "const fs = [MASK]('node:fs');",
  "this function [MASK] a promise.",
  "asynchronously [MASK] the contents of a file.",
  "if the file does not [MASK], an error is thrown.",
  "see the [MASK] for more information.",
];

/** Prepares that prose for the recipe in the folder `out`; `onStatus` is told where it stands. */
export async function prepareProse(
  out: string,
  { name, model: { vocabulary, sequenceLength } }: Recipe,
  threads: number,
  onStatus?: (text: string) => void,
): Promise<Prepared> {
  const prose = collectInstalledProse(findNodeModules(), { maxBytes: proseBytes });
  return prepareSources(
    out,
    await listShards(prose),
    {
      nameRecipe: () => name,
      vocabulary,
      sequenceLength,
      normaliser: "ascii-fold",
      tokenizerKind: "wordpiece",
      preTokenizer: "whitespace",
      textField: "text",
      maxTokensPerCharacter: undefined,
      packing: plainPacking,
      holdOut: 0.05,
      seed: 0,
      threads,
      memoryBytes: 2 ** 30,
    },
    progress => onStatus?.(describeProgress(progress)),
  );
}

/** The node_modules that this package was installed into, where it may have one of its own too, or its own in a checkout. */
function findNodeModules(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  const installed = folder.lastIndexOf(`${sep}node_modules${sep}`);
  if (installed !== -1) return join(folder.slice(0, installed), "node_modules");
  while (!existsSync(join(folder, "node_modules")) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, "node_modules");
}
