// `memory`: what a whole preparation with substring deduplication holds at most, of corpora of several sizes that are made of a little text
// by repetition with edits. It does not grow with the corpus. Each is prepared by a process of its own.

import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeTemporaryFolder } from "../folder.ts";
import type { PrepareMeasures } from "../own/prepare-process.ts";
import { formatFigure, type Reporter } from "../report.ts";
import { writeRepeatedCorpus } from "./repeated-corpus.ts";
import { readTexts } from "./texts.ts";

export interface MemoryOptions {
  /** .jsonl or .jsonl.gz with a field "text". */
  readonly files: readonly string[];
  /** Of each corpus, of text. */
  readonly megabytes: readonly number[];
  readonly wordsPerEdit: number;
  /** From so many bytes on what repeats is cut. */
  readonly repeatedBytes: number;
  readonly threads: number;
  /** What `prepare` may hold, about. */
  readonly memoryBytes: number;
  /** Where corpora are made, and found again; a temporary folder unless given. */
  readonly folder?: string | undefined;
}

export async function benchMemory(options: MemoryOptions, reporter: Reporter): Promise<void> {
  const { files, wordsPerEdit, repeatedBytes, threads, memoryBytes, folder = makeTemporaryFolder() } = options;
  const rows: string[][] = [];
  for (const megabytes of options.megabytes) {
    const bytes = 1e6 * megabytes;
    const corpus = join(folder, `corpus-${bytes}-${wordsPerEdit}`);
    if (!existsSync(corpus)) {
      rmSync(`${corpus}.part`, { recursive: true, force: true });
      await writeRepeatedCorpus(`${corpus}.part`, files.flatMap(readTexts), { bytes, wordsPerEdit });
      renameSync(`${corpus}.part`, corpus);
    }
    const out = join(folder, `dataset-${bytes}-${wordsPerEdit}`);
    rmSync(out, { recursive: true, force: true });
    const { peakMebibytes, peakStage, ...measures } = await measure({
      ...{ texts: [corpus], out, repeatedBytes, threads, memoryBytes },
    });
    const figures = { ...measures, megabytesPerProcessorSecond: megabytes / measures.processorSeconds };
    reporter.record({ benchmark: "memory", megabytes, memoryBytes, ...figures, peakMebibytes, peakStage });
    rows.push([
      ...[megabytes, peakMebibytes].map(formatFigure),
      peakStage,
      ...Object.values(figures).map(formatFigure),
    ]);
  }
  reporter.heading(
    `A word of ${wordsPerEdit} replaced, stretches of ${repeatedBytes} bytes cut, ${threads} thread(s), ${formatFigure(memoryBytes / 2 ** 20)} MiB allowed`,
  );
  reporter.table(
    ["MB", "peak MiB", "in", "seconds", "of processors", "documents", "tokens", "MB/s of a processor"],
    rows,
  );
}

async function measure(options: object): Promise<PrepareMeasures> {
  const module = join(import.meta.dirname, "../own/prepare-process.js");
  const child = fork(module, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let measures: PrepareMeasures | undefined;
  child.once("message", message => {
    measures = message as PrepareMeasures;
  });
  await once(child, "exit");
  if (measures === undefined) throw new Error("the preparation ended without its figures");
  return measures;
}
