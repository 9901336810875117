// Token ids of documents to sequences of one length: documents follow each other with a separator between them, nothing is
// padded. A part is held out: whole documents, or stretches of long ones. How sequences are filled is a packing (packings.ts).

import { RandomSequence, streams } from "../base/random.ts";
import type { Ids } from "../tokenizer/encoding/id-list.ts";
import { findPacking, type PackingName, type SequenceFiller } from "./packings.ts";

export interface PackOptions {
  readonly sequenceLength: number;
  readonly packing: PackingName;
  /** The token before each document; undefined for none. */
  readonly classify?: number | undefined;
  /** The token behind each document; undefined for none. */
  readonly separator?: number | undefined;
  /** Share of the pieces that are held out, 0 to 1. */
  readonly holdOut: number;
  readonly seed: number;
}

export type Part = "training" | "validation";

/** A long document is drawn for the held-out part in stretches of this many sequences, so that one book can be split. */
export const sequencesPerPiece = 64;

/** Packs documents; `emit` gets each finished sequence, in an array that is reused. */
export class Packer {
  private readonly options: PackOptions;
  private readonly fillers: Readonly<Record<Part, SequenceFiller>>;
  private readonly blockPieces: number;
  /** A stretch with its special tokens. */
  private framed = new Uint32Array(1 << 12);
  private pieces = 0;
  private heldOutInBlock = 0;
  /** Documents of which some is held out, and some is not. */
  splitDocuments = 0;

  constructor(options: PackOptions, emit: (part: Part, sequence: Uint32Array) => void) {
    this.options = options;
    const { open } = findPacking(options.packing);
    const fill = (part: Part) => open(options.sequenceLength, sequence => emit(part, sequence));
    this.fillers = { training: fill("training"), validation: fill("validation") };
    this.blockPieces = Math.max(1, Math.round(1 / options.holdOut));
  }

  /** Packs one document's ids. */
  addDocument(ids: Ids): void {
    const pieceTokens = sequencesPerPiece * this.options.sequenceLength;
    let part: Part | undefined;
    let begin = 0;
    let isSplit = false;
    for (let start = 0; start < ids.length; start += pieceTokens) {
      const drawn = this.drawPart();
      if (part !== undefined && part !== drawn) {
        this.addStretch(part, ids.subarray(begin, start));
        begin = start;
        isSplit = true;
      }
      part = drawn;
    }
    if (part !== undefined) this.addStretch(part, ids.subarray(begin));
    if (isSplit) this.splitDocuments++;
  }

  /** Gives out what waits; less than a sequence of each part is left over. Returns how many tokens that are. */
  finish(): number {
    return this.fillers.training.finish() + this.fillers.validation.finish();
  }

  /** Of each block of 1 / holdOut successive pieces exactly one is held out, at a random place of the block. */
  private drawPart(): Part {
    const place = this.pieces % this.blockPieces;
    if (place === 0) {
      const block = this.pieces / this.blockPieces;
      this.heldOutInBlock = new RandomSequence(this.options.seed, streams.holdOut, block).below(this.blockPieces);
    }
    this.pieces++;
    return place === this.heldOutInBlock ? "validation" : "training";
  }

  private addStretch(part: Part, ids: Ids): void {
    const { classify, separator } = this.options;
    const before = classify === undefined ? 0 : 1;
    const length = before + ids.length + (separator === undefined ? 0 : 1);
    if (this.framed.length < length) this.framed = new Uint32Array(2 * length);
    const { framed } = this;
    if (classify !== undefined) framed[0] = classify;
    framed.set(ids, before);
    if (separator !== undefined) framed[length - 1] = separator;
    this.fillers[part].add(framed.subarray(0, length));
  }
}
