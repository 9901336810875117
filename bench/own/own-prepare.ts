// A whole preparation with a tokenizer that is there already: read, judged by its tokens a character, encoded, packed, written.

import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";

export interface PrepareTime {
  readonly seconds: number;
  /** Of the processors, all threads together. */
  readonly processorSeconds: number;
}

/** Prepares files into a folder that is not there yet. */
export async function measurePrepare(
  files: readonly string[],
  tokenizer: Tokenizer,
  threads: number,
  folder: string,
): Promise<PrepareTime> {
  const path = join(folder, `${tokenizer.hash}.json`);
  writeTokenizer(path, tokenizer);
  const start = systemClock.seconds();
  const before = process.cpuUsage();
  const out = join(folder, `${tokenizer.hash}-${threads}`);
  await prepare({ texts: files, out, tokenizer: path, threads, sequenceLength: 128, maxTokensPerCharacter: 0.3 });
  const { user, system } = process.cpuUsage(before);
  return { seconds: systemClock.seconds() - start, processorSeconds: (user + system) / 1e6 };
}
