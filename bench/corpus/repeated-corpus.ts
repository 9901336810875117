// A corpus of any size out of a little text: its documents again and again, every time with other words replaced. Nearly all of it
// repeats, in stretches as long as the words between two replacements, which is the worst that deduplication meets.

import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { RandomSequence, streams } from "../../src/base/random.ts";

export interface RepeatedCorpusOptions {
  /** Of UTF-8 text, about. */
  readonly bytes: number;
  /** Of so many words one is replaced, in the middle of cases. */
  readonly wordsPerEdit: number;
}

const bytesPerFile = 64e6;

/** Writes files of JSON lines into a folder and returns the bytes of their texts. The same for the same texts and options. */
export async function writeRepeatedCorpus(
  folder: string,
  texts: readonly string[],
  { bytes, wordsPerEdit }: RepeatedCorpusOptions,
): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const words = listWords(texts);
  let [written, inFile, file] = [0, Number.POSITIVE_INFINITY, 0];
  let stream: ReturnType<typeof createWriteStream> | undefined;
  const close = async () => {
    if (stream === undefined) return;
    stream.end();
    await once(stream, "finish");
  };
  for (let pass = 0; written < bytes; pass++) {
    const random = new RandomSequence(pass, streams.sampling, 0);
    for (const text of texts) {
      if (written >= bytes) break;
      if (inFile >= bytesPerFile) {
        await close();
        stream = createWriteStream(join(folder, `repeated-${String(file++).padStart(4, "0")}.jsonl`));
        inFile = 0;
      }
      const edited = pass === 0 ? text : replaceWords(text, words, wordsPerEdit, random);
      const size = Buffer.byteLength(edited);
      if (!stream!.write(`${JSON.stringify({ text: edited })}\n`)) await once(stream!, "drain");
      written += size;
      inFile += size;
    }
  }
  await close();
  return written;
}

/** Some thousands, by which others are replaced. */
function listWords(texts: readonly string[]): string[] {
  const step = Math.max(1, Math.floor(texts.length / 64));
  const some = texts.filter((_, i) => i % step === 0).map(text => text.slice(0, 4096));
  return [...new Set(some.join(" ").match(/\p{L}+/gu) ?? ["word"])].slice(0, 4096);
}

function replaceWords(text: string, words: readonly string[], wordsPerEdit: number, random: RandomSequence): string {
  const pieces = text.split(" ");
  const distance = () => 1 + random.below(2 * wordsPerEdit - 1);
  for (let at = distance() - 1; at < pieces.length; at += distance()) pieces[at] = words[random.below(words.length)]!;
  return pieces.join(" ");
}
