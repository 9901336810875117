// Token ids of documents to sequences of one length: documents follow each other with a separator between them, nothing is
// padded, attention crosses separators (as the reference packs). A part is held out: whole documents, or stretches of long ones.

import { RandomSequence, streams } from "../base/random.ts";

export interface PackOptions {
  readonly sequenceLength: number;
  readonly separator: number;
  /** Share of the pieces that are held out, 0 to 1. */
  readonly holdOut: number;
  readonly seed: number;
}

export type Part = "training" | "validation";

/** A long document is drawn for the held-out part in stretches of this many sequences, so that one book can be split. */
const sequencesPerPiece = 64;

/** Packs documents one after another; `emit` gets each finished sequence, in an array that is reused. */
export class Packer {
  private readonly options: PackOptions;
  private readonly emit: (part: Part, sequence: Uint16Array) => void;
  private readonly begun: Readonly<Record<Part, { readonly sequence: Uint16Array; filled: number }>>;
  private readonly blockPieces: number;
  private pieces = 0;
  private heldOutInBlock = 0;

  constructor(options: PackOptions, emit: (part: Part, sequence: Uint16Array) => void) {
    this.options = options;
    this.emit = emit;
    const begin = () => ({ sequence: new Uint16Array(options.sequenceLength), filled: 0 });
    this.begun = { training: begin(), validation: begin() };
    this.blockPieces = Math.max(1, Math.round(1 / options.holdOut));
  }

  /** Packs one document's ids; the tokens of an unfinished last sequence wait for the next document. */
  addDocument(ids: Uint32Array): void {
    const pieceTokens = sequencesPerPiece * this.options.sequenceLength;
    let before: Part | undefined;
    for (let start = 0; start < ids.length; start += pieceTokens) {
      const part = this.drawPart();
      if (before !== undefined && before !== part) this.push(before, this.options.separator);
      const end = Math.min(ids.length, start + pieceTokens);
      for (let i = start; i < end; i++) this.push(part, ids[i]!);
      before = part;
    }
    if (before !== undefined) this.push(before, this.options.separator);
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

  private push(part: Part, token: number): void {
    const begun = this.begun[part];
    begun.sequence[begun.filled++] = token;
    if (begun.filled < begun.sequence.length) return;
    this.emit(part, begun.sequence);
    begun.filled = 0;
  }
}
