// A small corpus in every format that `cram corpus export` writes: run with a folder, it makes what make-corpus-export.py reads.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportCorpus } from "../../src/verbs/corpus/export-corpus.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";

/** Texts with what parquet and JSON treat apart: an empty line, quotes, letters of one to four bytes. */
export const fixtureTexts: readonly string[] = Array.from({ length: 40 }, (_, i) =>
  [`Text ${i}: the red fox sleeps.`, "", `"naïve" 漢字 𝒳 ${"word ".repeat(i % 7)}${i * i}`].join("\n"),
);

/** Writes `folder/ids`, `folder/npy`, `folder/sequences` and `folder/texts`. */
export async function exportFixture(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const texts = join(folder, "texts.jsonl");
  writeFileSync(texts, fixtureTexts.map(text => `${JSON.stringify({ text })}\n`).join(""));
  const data = join(folder, "data");
  await prepare({ texts: [texts], out: data, vocabulary: 80, sequenceLength: 16, holdOut: 0.2, threads: 1 });
  await exportCorpus(data, { to: "bin", out: join(folder, "ids") });
  await exportCorpus(data, { to: "npy", out: join(folder, "npy") });
  await exportCorpus(data, { to: "parquet", out: join(folder, "sequences") });
  await exportCorpus(join(data, "documents"), { to: "parquet", out: join(folder, "texts") });
}

if (process.argv[1] === import.meta.filename) await exportFixture(process.argv[2]!);
