// What a thread does of a prepare: one portion after another read into its files, with one encoder, whose table of words fills as it goes.
// Threads share a counter, from which each takes the next portion that nobody has.

import type { EncodedText, PortionEncoder } from "../../../corpus/portions/encodings.ts";
import {
  isWholePortion,
  type Portion,
  type PortionSummary,
  readPortionSummary,
} from "../../../corpus/portions/portion.ts";
import { type PortionOptions, type PortionProgress, readPortion } from "../../../corpus/portions/read-portion.ts";
import { Encoder } from "../../../tokenizer/encoding/encode.ts";
import { LossCounter } from "../../../tokenizer/normalising/lost-text.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

/** Plain data. */
export interface PortionWork {
  readonly folder: string;
  readonly portions: readonly Portion[];
  /** One number: how many portions were begun. Shared by all threads. */
  readonly begun: Int32Array;
  readonly options: Omit<PortionOptions, "compressibility" | "encoder" | "onBytes">;
  /** Judges and encodes, where that is asked for. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Documents with as many tokens a character or more are dropped. */
  readonly maxTokensPerCharacter?: number | undefined;
  /** Whether the ids are kept. */
  readonly encodes: boolean;
}

export type PortionEvent =
  | PortionProgress
  /** It begins, or with its summary it is finished. */
  | { readonly portion: number; readonly summary?: PortionSummary };

/** Tells how far it is, and what came of each portion. */
export async function* runPortions(work: PortionWork): AsyncGenerator<PortionEvent> {
  const { folder, portions, begun, tokenizer, maxTokensPerCharacter } = work;
  const encoder = tokenizer === undefined ? undefined : new Encoder(tokenizer);
  for (let turn = Atomics.add(begun, 0, 1); turn < portions.length; turn = Atomics.add(begun, 0, 1)) {
    const portion = portions[turn]!;
    yield { portion: portion.index };
    const finished = findFinished(folder, portion);
    if (finished !== undefined) {
      yield describeFinished(portion, finished);
      yield { portion: portion.index, summary: finished };
      continue;
    }
    const memory = encoder === undefined ? undefined : new RememberingEncoder(encoder);
    const options: PortionOptions = {
      ...work.options,
      ...(maxTokensPerCharacter !== undefined && {
        compressibility: { maxTokensPerCharacter, countTokens: text => memory!.countTokens(text) },
      }),
      ...(work.encodes && { encoder: memory! }),
    };
    yield { portion: portion.index, summary: yield* readPortion(folder, portion, options) };
  }
}

function findFinished(folder: string, { index }: Portion): PortionSummary | undefined {
  const summary = readPortionSummary(folder, index);
  return summary !== undefined && isWholePortion(folder, index, summary) ? summary : undefined;
}

const describeFinished = ({ shards }: Portion, { funnel }: PortionSummary): PortionProgress => ({
  bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
  documents: funnel.read.documents,
});

/** Encodes the text that was judged last no second time. */
class RememberingEncoder implements PortionEncoder {
  private readonly encoder: Encoder;
  private readonly losses: LossCounter;
  private text: string | undefined;
  private ids: Uint32Array = new Uint32Array(0);

  constructor(encoder: Encoder) {
    this.encoder = encoder;
    this.losses = new LossCounter(encoder.tokenizer.normaliser);
  }

  get lostExamples(): readonly string[] {
    return this.losses.loss.examples;
  }

  countTokens(text: string): number {
    this.ids = this.encoder.encode(text, "as-text");
    this.text = text;
    return this.ids.length;
  }

  encode(text: string): EncodedText {
    if (this.text !== text) this.countTokens(text);
    return { ids: this.ids, ...this.losses.addText(text) };
  }
}
