// Text as it came to the words of its normalised form. An ASCII text that a normaliser changes character by character is normalised and
// cut among its bytes, without a string; any other goes the whole way.

import { compileCuts } from "../cutting/cut-text.ts";
import { compileAscii } from "../normalising/ascii-table.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser } from "../normalising/normaliser.ts";
import { allocateSpans, type PreTokenizer, prepareText, splitWords } from "./pre-tokenizer.ts";
import { TextBytes } from "./text-bytes.ts";

/** Cuts one text after another; owns what comes of it. */
export class WordCutter {
  /** The normalised text, and where its words are. */
  readonly text = new TextBytes();
  readonly spans = allocateSpans();
  private readonly preTokenizer: PreTokenizer;
  private readonly normalise: (text: string) => string;
  private readonly cut: ReturnType<typeof compileCuts> | undefined;
  private readonly ascii: ReturnType<typeof compileAscii>;

  constructor(normaliser: Normaliser, preTokenizer: PreTokenizer) {
    this.preTokenizer = preTokenizer;
    if (preTokenizer.steps !== undefined) this.cut = compileCuts(preTokenizer.steps);
    this.normalise = compileNormaliser(normaliser);
    this.ascii = compileAscii(normaliser);
  }

  /** Cuts a raw word that no part begins with: bytes[begin, end). */
  cutRaw(raw: TextBytes, begin: number, end: number): void {
    // Metaspace writes spaces in three bytes.
    if (
      this.cut !== undefined ||
      this.preTokenizer.name === "metaspace" ||
      !this.normaliseAscii(raw.bytes, begin, end)
    ) {
      this.cutText(raw.slice(begin, end), false, 0);
    } else splitWords(this.preTokenizer.name, this.text, this.spans);
  }

  /** Cuts a text. `isPart` says whether a part begins with it, `ofFirst` how much of its begin comes of the character that all text begins with. */
  cutText(raw: string, isPart: boolean, ofFirst: number): void {
    const text = this.normalise(raw);
    if (this.cut !== undefined) {
      this.keepWords(this.cut(text, ofFirst));
      return;
    }
    this.text.read(prepareText(this.preTokenizer, text, isPart, ofFirst > 0));
    splitWords(this.preTokenizer.name, this.text, this.spans);
  }

  private keepWords(words: readonly string[]): void {
    const { text, spans } = this;
    const joined = words.join("");
    text.read(joined);
    if (spans.bounds.length < 2 * words.length) spans.bounds = new Int32Array(4 * words.length);
    const isAscii = text.length === joined.length;
    let end = 0;
    for (const [word, each] of words.entries()) {
      spans.bounds[2 * word] = end;
      end += isAscii ? each.length : Buffer.byteLength(each);
      spans.bounds[2 * word + 1] = end;
    }
    spans.count = words.length;
  }

  /** False where a character of it is not ASCII, or not normalised by itself. */
  private normaliseAscii(raw: Uint8Array, begin: number, end: number): boolean {
    const { text, ascii } = this;
    const { becomes, meets } = ascii;
    text.reserve(end - begin);
    const { bytes } = text;
    let before = 0;
    for (let at = begin; at < end; at++) {
      const byte = raw[at]!;
      const became = becomes[byte]!;
      const meeting = meets[byte]!;
      if (became === 0 || (before & meeting) !== 0) return false;
      bytes[at - begin] = became;
      before = meeting;
    }
    text.length = end - begin;
    text.end();
    return true;
  }
}
