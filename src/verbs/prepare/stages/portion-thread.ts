// What a thread does of a prepare: one portion after another read into its files, with one encoder, whose table of words fills as it goes.
// Threads share a counter, from which each takes the next portion that nobody has.

import type { EncodedCounts, PortionEncoder } from "../../../corpus/portions/encodings.ts";
import {
  isWholePortion,
  type Portion,
  type PortionSummary,
  readPortionSummary,
} from "../../../corpus/portions/portion.ts";
import { type PortionOptions, type PortionProgress, readPortion } from "../../../corpus/portions/read-portion.ts";
import { LineCounter } from "../../../corpus/sources/ranges/line-counter.ts";
import { Encoder } from "../../../tokenizer/encoding/encode.ts";
import { countUnknown } from "../../../tokenizer/encoding/encode-batch.ts";
import { type Ids, makeIds } from "../../../tokenizer/encoding/id-list.ts";
import { TextBytes } from "../../../tokenizer/encoding/text-bytes.ts";
import { LossCounter } from "../../../tokenizer/normalising/lost-text.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

/** Plain data. */
export interface PortionWork {
  readonly folder: string;
  readonly portions: readonly Portion[];
  /** One number: how many portions were begun. Shared by all threads. */
  readonly begun: Int32Array;
  readonly options: Omit<PortionOptions, "compressibility" | "encoder" | "onBytes" | "lineCounter">;
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
  const lineCounter = new LineCounter();
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
        compressibility: {
          maxTokensPerCharacter,
          countTokens: text => memory!.countTokens(text),
          countCharacters: text => memory!.countCharacters(text),
        },
      }),
      ...{ encoder: memory, encodes: work.encodes, lineCounter },
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

/** Lost characters that are counted of a portion: more than the account shows of all. */
const mostLost = 64;

/** Encodes a text once, whether it is judged, kept or both. */
class RememberingEncoder implements PortionEncoder {
  private readonly encoder: Encoder;
  private readonly losses: LossCounter;
  private readonly bytes = new TextBytes();
  private text = "";
  private encoded: Uint32Array | undefined;
  private kept: Ids;

  constructor(encoder: Encoder) {
    this.encoder = encoder;
    this.losses = new LossCounter(encoder.tokenizer.normaliser);
    this.kept = this.makeIds(1 << 12);
  }

  listLost(): [string, number][] {
    return this.losses.listLost().slice(0, mostLost);
  }

  read(text: string): Uint8Array {
    this.text = text;
    this.encoded = undefined;
    this.bytes.read(text);
    return this.bytes.bytes.subarray(0, this.bytes.length);
  }

  countTokens(text: string): number {
    if (this.text !== text) this.read(text);
    return this.find().length;
  }

  /** Code points of the text whose tokens were counted. */
  countCharacters(text: string): number {
    const { bytes } = this.bytes;
    const { others } = this.encoder.met;
    let pairs = 0;
    for (let part = 0; part < others.length; part += 2) {
      for (let at = others[part]!; at < others[part + 1]!; at++) if (bytes[at]! >= 0xf0) pairs += 1;
    }
    return text.length - pairs;
  }

  encode(): EncodedCounts {
    const ids = this.find();
    const { visible, others } = this.encoder.met;
    const { characters, lost, unaccented } = this.losses.addBytes(this.bytes, visible, others);
    const unknownTokens = countUnknown(this.encoder.tokenizer, ids);
    return { tokens: ids.length, unknownTokens, visible: characters, lost, unaccented };
  }

  get ids(): Uint8Array {
    const ids = this.find();
    if (ids.length > this.kept.length) this.kept = this.makeIds(2 * ids.length);
    this.kept.set(ids);
    return new Uint8Array(this.kept.buffer, 0, ids.length * this.kept.BYTES_PER_ELEMENT);
  }

  private find(): Uint32Array {
    return (this.encoded ??= this.encoder.encodeBytes(this.bytes));
  }

  private makeIds(count: number): Ids {
    return makeIds(this.encoder.tokenizer.vocabulary.length, count);
  }
}
